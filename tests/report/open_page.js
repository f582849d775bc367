// Opens a page of surfaces without a browser: node open_page.js PAGE OUT [id=value ...]; writes the canvas' RGB pixels.
const fs = require("fs"), vm = require("vm");
const [page, out, ...choices] = process.argv.slice(2);
const scripts = [...fs.readFileSync(page, "utf8").matchAll(/<script[^>]*>([^]*?)<\/script>/g)].map((match) => match[1]);
const elements = {};
function element(id) {
  return (elements[id] ??= {
    style: {}, width: 300, height: 300, value: "", textContent: id === "data" ? scripts[0] : "", heard: {},
    addEventListener(name, heard) { this.heard[name] = heard; },
    append() {},
    replaceChildren(...options) { this.value = options[0].value; },
    getContext: () => ({putImageData(image) { fs.writeFileSync(out, image.data.filter((_, i) => i % 4 < 3)); }}),
  });
}
const world = {
  document: {getElementById: element, createElement: element}, atob, Blob, Response, DecompressionStream,
  Option: class { constructor(name) { this.value = name; } },
  ImageData: class { constructor(w, h) { this.data = new Uint8ClampedArray(4 * w * h); } },
  requestAnimationFrame: (draw) => draw(),
};
(async () => {
  vm.runInNewContext(scripts[1], world);
  const drawn = async () => { while (!fs.existsSync(out)) await new Promise((done) => setTimeout(done, 20)); };
  await drawn();
  for (const choice of choices) {
    const [id, value] = choice.split("=");
    fs.rmSync(out);
    if (id === "view") vm.runInNewContext(`eye.turn = data.views["${value}"]; redraw()`, world);
    else { element(id).value = value; element(id).heard.change(); }
    await drawn();
  }
})();
