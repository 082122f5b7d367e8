/** What a dataset can be: its formats, rules and divisions, in words. */

export const FORMATS = [
  {
    value: "imagefolder",
    label: "Folders of pictures",
    what: "One folder for each class: torchvision, Keras, fastai.",
  },
  {
    value: "geoparquet",
    label: "GeoParquet with pictures",
    what: "One file with places, times and pictures: geopandas, DuckDB, QGIS.",
  },
  { value: "parquet", label: "GeoParquet without pictures", what: "One small table with places, times and classes." },
  { value: "webdataset", label: "WebDataset", what: "Tar files of at most 100 MB, for training on many machines." },
  { value: "huggingface", label: "Hugging Face", what: "Pictures with metadata and a card, for the library datasets." },
  { value: "coco", label: "COCO", what: "One JSON file for each split, a class for each picture." },
  { value: "yolo-cls", label: "YOLO classification", what: "train/val/test folders by class: Ultralytics." },
  { value: "tfrecord", label: "TFRecord", what: "Files of tf.train.Example: TensorFlow." },
  { value: "csv", label: "CSV", what: "A row for each chip: spreadsheets, pandas." },
  { value: "geojson", label: "GeoJSON", what: "A feature for each chip: QGIS, web maps." },
] as const;

export const POLICIES = [
  { value: "majority", label: "What most people said", what: "Once all opinions that the task asks for are in." },
  { value: "min_agreement=0.8", label: "Where four of five agree", what: "The same, if at least 80% said it." },
  { value: "any", label: "What anybody said", what: "One answer is enough, if nobody said something else." },
  { value: "adjudicated", label: "Only last words", what: "Only chips that were reviewed." },
] as const;

export const SPLITS = [
  { value: "", label: "Do not divide", what: "All chips in one set." },
  {
    value: "place",
    label: "By place",
    what: "Neighbours stay together, so that the test is of places never seen. Best for maps.",
  },
  { value: "time", label: "By time", what: "The latest chips are the test, as in a forecast." },
  {
    value: "random",
    label: "At random",
    what: "Quick, but near-duplicates may be in both train and test, which flatters the result.",
  },
] as const;

/** What is said of a choice, below it. */
export const whatIs = (choices: readonly { value: string; what: string }[], value: string): string =>
  choices.find((choice) => choice.value === value)?.what ?? "";

export const labelOf = (choices: readonly { value: string; label: string }[], value: string): string =>
  choices.find((choice) => choice.value === value)?.label ?? value;

export interface Shares {
  train: number;
  val: number;
  test: number;
}

/** Shares in percent become parts of 1; what is wrong with them, else. */
export function sharesOf({ train, val, test }: Shares): Shares | string {
  const all = [train, val, test];
  if (all.some((share) => !Number.isFinite(share) || share < 0)) return "Give three shares of 0% or more.";
  const sum = train + val + test;
  if (Math.abs(sum - 100) > 0.01) return `The shares add up to ${Math.round(sum * 100) / 100}%, not to 100%.`;
  return { train: train / 100, val: val / 100, test: Math.max(0, 1 - train / 100 - val / 100) };
}
