# make_store NAME PRESET SUBJECTS SEED RATIOS [ROI]: films of phantoms, their store and split in $folder; the films go.
make_store() {
    hipseg phantom out="$folder/$1" preset="$2" subjects="$3" seed="$4" plants=false
    hipseg preprocess input="$folder/$1" store="$folder/$1.h5" roi="${6:-film}"
    hipseg split store="$folder/$1.h5" out="$folder/$1.csv" "ratios=$5"
    rm -r "${folder:?}/$1"
}
