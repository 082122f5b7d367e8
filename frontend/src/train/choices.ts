/** What a training can be told, in words. */

export const METHODS = [
  {
    value: "simclr",
    label: "SimCLR",
    what: "Two views of a chip attract, those of others repel. A good first choice.",
  },
  {
    value: "vicreg",
    label: "VICReg",
    what: "Keeps numbers of a vector different from each other. Needs no large steps.",
  },
  { value: "barlow", label: "Barlow Twins", what: "Makes numbers of a vector say different things." },
  { value: "byol", label: "BYOL", what: "Learns from a slow copy of itself." },
  { value: "simsiam", label: "SimSiam", what: "As BYOL, without the copy. Collapses most easily." },
] as const;

export const TRUNKS = [
  {
    value: "lite0",
    label: "EfficientNet-Lite0",
    what: "As the encoders that Curator ships with, and can begin from them.",
  },
  { value: "resnet18", label: "ResNet-18", what: "Begins with random weights: takes many chips and hours." },
  { value: "resnet18-narrow", label: "ResNet-18, narrow", what: "Small and quick. Begins with random weights." },
  { value: "convnext-atto", label: "ConvNeXt atto", what: "Begins with random weights: takes many chips and hours." },
  { value: "vit-tiny", label: "ViT tiny", what: "Begins with random weights: takes many chips and hours." },
] as const;

export const HOWS = [
  { value: "linear", label: "On the encoder as it is", what: "Seconds. Best for few labels." },
  { value: "mlp", label: "The same, with a hidden layer", what: "Seconds to minutes. For classes with several looks." },
  {
    value: "partial",
    label: "Change the last third of the encoder",
    what: "Minutes. For some hundred labels or more.",
  },
  { value: "full", label: "Change the whole encoder", what: "Minutes to hours. For thousands of labels." },
] as const;
