# %% [markdown]
# # From unlabelled imagery to a labelled dataset
#
# You look for something rare in many pictures, and you have one example of it. Here the pictures are NASA's Blue Marble
# cut in pieces, and the rare thing is islands. You let an encoder learn from the pictures without labels, search from
# the one example, and label what a small model proposes, until the advice is to stop. Then you write the dataset.
#
# A land-sea mask plays the person who labels. So you see what is hidden from you in real work: how much was missed.
#
# You need `pip install 'earthcurator[demo,train]' matplotlib jupyter`, and no network. It takes a few minutes on two
# cores.

# %%
from pathlib import Path

import matplotlib.pyplot as plt

import earthcurator as ec
from earthcurator.demo import GLOBE, START, Truth, answer_next, data_folder, island_task
from earthcurator.ingest import SceneOptions
from earthcurator.pictures import decode

# %% [markdown]
# Everything that you may want to change is in this cell. The model chooses again after each batch of labels.

# %%
FOLDER = Path("ssl-to-labels")
CHIP_SIZE = 64
EPOCHS = 4
BATCH = 20
MOST_LABELS = 2000

# %% [markdown]
# ## Bring pictures in
#
# A *project* is a folder that holds pictures, vectors and labels. The picture of the globe is cut into *chips* that do
# not overlap, each with its bounds in degrees.

# %%
project = ec.open(FOLDER) if FOLDER.exists() else ec.create(FOLDER, name="From pictures to labels")
scenes = SceneOptions(chip_size=CHIP_SIZE, edge="drop", box=GLOBE, layer="BlueMarble_NextGeneration")
project.import_pictures([data_folder() / "bmng.jpg"], scenes=scenes)

truth = Truth(project)
print(f"{len(project.chips):,} chips; {truth.islands:,} show an island, which only the annotator knows")

# %% [markdown]
# ## Learn from the pictures alone
#
# The encoder gives every chip a vector, and chips that look alike get vectors that lie close together. Training without
# labels fits it to this imagery. It becomes the project's encoder only if it is clearly better on chips it never saw.

# %%
project.embed()
report = project.train(method="simclr", epochs=EPOCHS, use="if better")
print(report.verdict)
embedded = project.embed()
print(f"{embedded.total:,} vectors of {embedded.name}")

# %% [markdown]
# ## Search from one example
#
# The example is an island of Hawaii. All chips are ranked by likeness to it. If the first hits were all right, we could
# stop here; mostly they are a good beginning only.

# %%
example = truth.nearest_island(*START)
hits = project.search(ec.Query(positives=[example], k=33)).hits
first = [hit.chip for hit in hits if hit.chip != example.id]
right, by_chance = sum(map(truth.is_island, first)), len(first) * truth.islands / len(project.chips)
print(f"{right} of the first {len(first)} are islands; chips drawn blindly would give {by_chance:.1f}")

pictures = project.chips.pictures([example.id, *first[:15]])
figure, axes = plt.subplots(2, 8, figsize=(12, 3.6))
for axis, chip in zip(axes.flat, [example.id, *first[:15]], strict=True):
    axis.imshow(decode(pictures[chip]))
    axis.set_title("example" if chip == example.id else "island" if truth.is_island(chip) else "other", fontsize=9)
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Label what the model proposes
#
# A *task* is a question with its classes. Its learner fits a small classifier to the labels so far, and puts the chips
# that it would like to be told about at the head of the queue: the likeliest islands, with some that it is unsure of.
# The annotator answers them, and so on, round after round. In your project people answer, in the app: `curator serve`.
#
# After each round we ask whether to go on. The advice counts what was found lately; it does not know the truth.

# %%
task = island_task(project, example)
learner, search = project.learner(task), project.search_of(task)
outlook = search.outlook()
while not outlook.advice.stop and outlook.finds.labels < MOST_LABELS:
    learner.advance()
    if not answer_next(project, task, truth, BATCH):
        break
    outlook = search.outlook()
print(outlook.advice.sentence)
print(f"{outlook.finds.labels:,} labels found {outlook.finds.found:,} of {truth.islands:,} islands")

# %% [markdown]
# The curve tells how the search went. It rises steeply while the easy islands come, and flattens when few are left:
# that is what the advice waits for. The dashed line is labelling in random order.

# %%
curve = outlook.finds.curve
plt.figure(figsize=(7, 4))
plt.plot(range(1, len(curve) + 1), curve, label="chosen by the model")
plt.plot([0, len(curve)], [0, len(curve) * truth.islands / len(project.chips)], "k--", label="in random order")
plt.axhline(truth.islands, color="grey", linewidth=1, label="all islands")
plt.xlabel("labels")
plt.ylabel("islands found")
plt.legend()
plt.show()

# %% [markdown]
# ## How sure is the stop?
#
# The advice is a rule of thumb. Who needs a guarantee draws a random check among the chips that nobody has seen
# (`search.check`); this is its price. For rare things it is high, so it is worth knowing before.

# %%
print(outlook.price.sentence)

# %% [markdown]
# ## A classifier from the labels
#
# The labels also teach a classifier for imagery that comes later. It is measured on labels that it did not learn from.
# These were chosen by the model, so they are harder than chips at random: read the figures as a lower bound.

# %%
made = project.finetune(task, how="linear")
print(f"{made.name}: accuracy {made.metrics.accuracy}, F1 {made.metrics.f1}")
print(f"labels parted by {made.split}; {made.taught:,} taught it, {made.metrics.pictures:,} measured it")

# %% [markdown]
# ## The dataset
#
# A folder for each class, and a data card that says where the pictures and the labels come from. `split="place"` keeps
# neighbouring chips on the same side, so that a model tested on it is tested on places it has not seen.

# %%
written = project.export(FOLDER / "dataset", task=task, format="imagefolder", split="place")
print(f"{written.chips:,} labelled chips in {FOLDER / 'dataset'}; {written.left_out:,} between the sides left out")
for folder in sorted(path for path in (FOLDER / "dataset").glob("*/*") if path.is_dir()):
    print(f"{folder.relative_to(FOLDER / 'dataset')}: {len(list(folder.iterdir())):,}")

# %%
project.close()
