# %% [markdown]
# # From NASA's archive to an encoder of your own
#
# An *encoder* turns a picture into a short list of numbers, its *vector*; pictures that look alike get vectors that lie
# close together. Curator comes with one for all kinds of imagery. Here you download some of NASA's, let the encoder
# learn from it **without a single label**, find out whether that helped, and search with it.
#
# You need `pip install 'earthcurator[demo,train]' matplotlib jupyter`. It takes a few minutes on two cores.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import earthcurator as ec
from earthcurator.demo import START, Truth
from earthcurator.encoders import packaged_for
from earthcurator.learn.recipe import Progress
from earthcurator.pictures import decode
from earthcurator.testing.blue_marble import LAYER, BlueMarbleGibs

# %% [markdown]
# ## What to do, and how much of it
#
# Everything that you may want to change is in this cell. `ASK_NASA` decides where the imagery comes from: NASA's server
# GIBS, if you are online, or a small server on this computer that speaks the same protocol. Both serve the Blue Marble,
# a cloudless picture of the whole Earth.

# %%
FOLDER = Path("gibs-to-encoder")
ASK_NASA = False
PLACE = ec.Box(west=-180, south=-90, east=180, north=90)
EPOCHS = 4
QUERIES = 100

# %% [markdown]
# ## Download
#
# A *project* is a folder that holds pictures, vectors and labels. `download` asks for an imagery layer and a place, and
# cuts what comes into *chips*, here of 64 by 64 pixels. At zoom 3 a pixel is 0.07 degrees wide, 8 km at the equator.
# Running the cell again fetches nothing twice.

# %%
project = ec.open(FOLDER) if FOLDER.exists() else ec.create(FOLDER, name="From GIBS to an encoder")

if ASK_NASA:
    done = project.download(LAYER, PLACE, zoom=3, chip_size=64)
else:
    with BlueMarbleGibs() as gibs:
        done = project.download(LAYER, PLACE, zoom=3, chip_size=64, source=gibs.url)
print(f"{len(project.chips):,} chips, {done.added:,} of them new, from {done.requests:,} requests")

# %% [markdown]
# Look at some before you go on: wrong dates, clouds and gaps are easier to see than to compute.


# %%
def show(title: str, chips: list[str], captions: list[str]) -> None:
    """Draw up to 24 chips with what is to be said of each."""
    pictures = project.chips.pictures(chips)
    figure, axes = plt.subplots(-(-len(chips) // 8), 8, figsize=(12, 1.8 * -(-len(chips) // 8)))
    for axis in axes.flat:
        axis.axis("off")
    for axis, chip, caption in zip(axes.flat, chips, captions, strict=False):
        axis.imshow(decode(pictures[chip]))
        axis.set_title(caption, fontsize=9)
    figure.suptitle(title)
    figure.tight_layout()
    plt.show()


every = sorted(chip.id for chip in project.chips.all())
some = [str(chip) for chip in np.random.default_rng(0).choice(every, 24, replace=False)]
show("Some of the chips", some, [chip[:8] for chip in some])

# %% [markdown]
# ## Train without labels
#
# SimCLR shows the encoder two changed views of each chip (turned, cropped, recoloured, hazed) among those of many other
# chips, and asks which two belong together. Who can answer that has learned what makes a place itself.
#
# Whole places are kept away from training, and the encoder is measured on these; chips that touch them are left out.
# `use="if better"` makes the new encoder the project's own only if it clearly beats the one there was.

# %%
history: list[Progress] = []
report = project.train(method="simclr", epochs=EPOCHS, use="if better", progress=history.append)
print(f"{report.chips:,} chips, {report.epochs:.1f} epochs, {report.seconds:.0f} seconds")

# %% [markdown]
# The loss says how hard the question still is. What counts is the lower curve: of how many held-out chips is one view
# found from the other? If it stays flat, the encoder has nothing left to learn here, or needs more chips or time.

# %%
steps = [now.step for now in history]
figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(7, 5))
above.plot(steps, [now.loss for now in history])
above.set_ylabel("loss")
below.plot(steps, [100 * now.quality.retrieval for now in history])
below.set(xlabel="step", ylabel="views found, %")
plt.show()

# %% [markdown]
# ## Is it better?
#
# The report compares the new encoder with the packaged one on chips that training never saw. A difference counts only
# if it is larger than chance allows. Read it with care: whoever was trained on views is good at views.

# %%
print(report.verdict)
for comparison in report.comparisons:
    print(f"{comparison.on}: {comparison.new:.1%}, {comparison.other} {comparison.old:.1%}, gain {comparison.gain}")

# %% [markdown]
# ## Vectors
#
# `embed` gives every chip its vector. An encoder's vectors are of use with that encoder only, so we make both sets.
# (If nothing better than the start was found, there is no new encoder, and we go on with one.)

# %%
encoders = {"packaged": packaged_for(64)} | ({"trained here": report.encoder} if report.encoder else {})
for encoder in encoders.values():
    embedded = project.embed(encoder)
    print(f"{embedded.total:,} vectors of {embedded.name}")

# %% [markdown]
# ## Search
#
# Now a question that neither encoder was trained for: given one island, find others. In your own project you would look
# at the hits and judge. Here a land-sea mask knows which chips show an island, so that we can count.

# %%
truth = Truth(project)
islands = [chip for chip in every if truth.is_island(chip)]
print(f"{len(islands):,} of {len(every):,} chips show an island: {len(islands) / len(every):.1%}")


def found(chip: str, encoder: str, k: int = 20) -> list[str]:
    """The chips most like this one, best first, without itself."""
    hits = project.search(ec.Query(positives=[chip], k=k + 1), encoder=encoder).hits
    return [hit.chip for hit in hits if hit.chip != chip][:k]


example = truth.nearest_island(*START).id  # Hawaii, or what is nearest to it
for name, encoder in encoders.items():
    chips = found(example, encoder, 15)
    captions = ["island" if truth.is_island(chip) else "other" for chip in chips]
    show(f"One island, and what is most like it: {name}", [example, *chips], ["example", *captions])

# %% [markdown]
# One example proves nothing, so we ask with many islands. The bars say what share of the first twenty hits are islands;
# the dashed line is what drawing chips blindly would give.

# %%
asked = islands[:: max(1, len(islands) // QUERIES)]
shares = {
    name: np.mean([[truth.is_island(hit) for hit in found(chip, encoder)] for chip in asked])
    for name, encoder in encoders.items()
}
print(", ".join(f"{name}: {share:.1%}" for name, share in shares.items()), f"(of {len(asked)} searches)")

plt.figure(figsize=(5, 3.5))
plt.bar(list(shares), [100 * share for share in shares.values()])
plt.axhline(100 * len(islands) / len(every), color="black", linestyle="dashed")
plt.ylabel("islands among the first 20, %")
plt.show()

# %% [markdown]
# ## What to take along
#
# * The verdict on views and the count of islands are two questions, and only the second is yours. Label a few dozen
#   chips of what you look for, and give `train` your task's classes: the verdict then goes by them.
# * A few minutes and a few thousand chips are little. Train longer on imagery of yours (`curator train --minutes 60`).
# * The new encoder is an ONNX file in the project, with a card that says how it was made. It needs no PyTorch to use.
#
# The next notebook, `ssl_to_labels.ipynb`, goes on from here to labels and a dataset.

# %%
project.close()
