<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" sourcelanguage="en">
 <context>
  <name>Advanced</name>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Advanced</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Model:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>What makes the image. Where the model comes from and what it cannot do is said below.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Import a model…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Adds a model folder (model.json and weights) to the list.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Import published weights…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Converts a checkpoint of the Med-DDPM authors that you have downloaded.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Device:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Where to compute. Free memory is as of the last start of the worker.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Sampler:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>How noise becomes an image. If left to the model, edits of an MRI use DDPM, which joins best.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Steps:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>As the model recommends</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>More steps take longer. The recommended number is the one that the model was measured with.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Seed:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>The same seed, model, mask and settings give the same image.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Another image with each click. Without it, the same settings give the same image again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>New seed for every run</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Images:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Several images of the same head become a sequence.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Output grid:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>The voxel grid of the result</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Memory:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Free memory</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Unloads the model; the next run loads it again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Compute on:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>This computer</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>user@host of a computer with MedDDPM that your SSH reaches with a key, without a password. Empty: this computer.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Test</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Connects, and shows which devices the other computer has. No image is sent.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Launch with:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Nothing</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>On a cluster, the command in front of the worker: srun --gres=gpu:1 --time=00:30:00</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Log of the worker:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>What the worker said, the newest last</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Copy error report</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Advanced.ui" />
   <source>Copies the last error, the settings and the log to the clipboard.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>Compare</name>
  <message>
   <location filename="Resources/UI/Compare.ui" />
   <source>4. Compare</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Compare.ui" />
   <source>Image:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Compare.ui" />
   <source>The synthetic image to compare</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Compare.ui" />
   <source>Sample:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Compare.ui" />
   <source>Steps through the images of one run</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Compare.ui" />
   <source>Views:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Compare.ui" />
   <source>How the MRI and the synthetic image are shown</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Compare.ui" />
   <source>Mean and SD</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Compare.ui" />
   <source>Adds the mean and the standard deviation of all samples, voxel by voxel, as volumes</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Compare.ui" />
   <source>Measure the lesion</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Compare.ui" />
   <source>Adds a table of the lesion's volume and contrast in every sample, for the segments as they are now</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Compare.ui" />
   <source>Volume and mean intensity of each lesion</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>Edit</name>
  <message>
   <location filename="Resources/UI/Edit.ui" />
   <source>2. Paint or edit the tumor</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Edit.ui" />
   <source>Choose the tumor segment, then Paint, Draw or Erase in the slice views. Undo with Ctrl+Z.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Edit.ui" />
   <source>Paint without an MRI</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Edit.ui" />
   <source>The Segment Editor needs an image to paint on. This makes an empty one on the grid of the segmentation.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>Export</name>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>Export</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>All that is exported says that it is synthetic. A new DICOM study gets new identifiers and no patient's name; nothing is written over.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>Image:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>The synthetic image to export.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>No synthetic image</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>With the segmentation, as a DICOM SEG</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>The segmentation chosen under 1. Head and tumor, on the voxels of the image.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>Burn the word SYNTHETIC in</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>Draws the word into the corner of every slice, for viewers that show no text.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>Writes the image as a DICOM series into a new folder. Nothing is written over.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>Export as DICOM…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>Masks:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>A folder with label maps (NIfTI, NRRD). Leave empty to use the segmentations of the scene.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>The segmentations of the scene</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>Choose the folder of masks</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>Browse…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>Images a mask:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>How many images are made from each mask, each with its own seed.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>Layout:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>How files are called and arranged.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>Make a dataset…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>Makes images from every mask, in the background; the model, steps and seed are those under Advanced. An unfinished dataset is gone on with.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>Stop</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Export.ui" />
   <source>Ends it; the images that are made stay, and the dataset can be gone on with.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>Input</name>
  <message>
   <location filename="Resources/UI/Input.ui" />
   <source>1. Head and tumor</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Input.ui" />
   <source>MRI:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Input.ui" />
   <source>The MRI that the segmentation belongs to. The result gets its voxel grid. Leave empty if there is none.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Input.ui" />
   <source>No MRI</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Input.ui" />
   <source>Segmentation:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Input.ui" />
   <source>The segmentation with the head and the tumor.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Input.ui" />
   <source>Select or create a segmentation</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Input.ui" />
   <source>Start from a sample head</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Input.ui" />
   <source>Loads a head with a tumor that comes with the extension.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Input.ui" />
   <source>Which sample head to load</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Input.ui" />
   <source>Takes the segment whose name says nothing for it. It can be chosen otherwise above.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Input.ui" />
   <source>Make head segment from the MRI</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Input.ui" />
   <source>Finds the head in the MRI and adds it as a new segment. Your segments stay as they are.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Input.ui" />
   <source>Take segments from a volume</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Input.ui" />
   <source>A mask that was loaded as a volume becomes segments. A single label becomes what its name says, or a tumor. The volume stays as it is.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>LesionTools</name>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Lesion tools</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Segment:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>The segments that the tools work on</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Pieces:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>A lesion may be made of several pieces. The nearest one is that nearest to the crosshair: hold Shift and move the mouse in a slice view.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Move by hand</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Shows a handle at the lesion in the slice and 3D views: drag it to move, turn and scale. The outline shows where the lesion will be.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Apply</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Puts the lesion where its outline is (Enter)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Cancel</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Leaves the lesion as it is (Esc)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Move</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Moves the lesion. It stays inside the head: what would lie outside is cut off, and said.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Millimetres to the patient's right</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source> R</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Millimetres to the patient's front</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source> A</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Millimetres to the patient's top</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source> S</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Turn</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Turns each piece about its own centre</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Degrees about the axis that points to the patient's left, counterclockwise seen from there</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source> L</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Degrees about the axis that points to the patient's back, counterclockwise seen from there</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source> P</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Degrees about the axis that points to the patient's top, counterclockwise seen from there</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Scale</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Scales each piece about its own centre</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>How many times the diameter</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source> ×</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Grow</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Grows or shrinks each piece by the same distance everywhere</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Millimetres beyond the surface; less than zero shrinks</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source> mm</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Smooth</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Smooths the surface of each piece</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Millimetres over which the surface is smoothed; the volume is kept</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Add copies</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Adds smaller, turned copies of the largest piece (or of the one at the crosshair) at random places in the brain</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>How many smaller copies of the lesion are put at random into the brain</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source> metastases</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Mirror</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Moves the lesion to the mirrored place in the other half of the head</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>to the other side of the head</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Shape:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Shapes that come with the module, and those that you have saved</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Volume of the lesion that is placed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source> ml</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Place at crosshair</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Adds the shape where the crosshair is: hold Shift and move the mouse in a slice view</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Place at random</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Adds the shape, turned at random, at a random place in the brain, clear of other lesions</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Save shape…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Keeps the largest piece (or the one at the crosshair) in your library</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Undo</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Takes the last change of the segmentation back, painted ones too</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Redo</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/LesionTools.ui" />
   <source>Makes the change again</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>MedDDPMSlicer</name>
  <message>
   <location filename="MedDDPMSlicer.py" />
   <source>The error report is in the clipboard.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicer.py" />
   <source>Settings of the loaded scene that cannot be right were reset: {names}.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>ReaderStudy</name>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Reader study</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Real or synthetic? Shows the cases of a blinded study one by one and keeps each answer at once: you can stop at any time and go on later.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Study folder:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>The folder that medddpm reader-study make wrote</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Choose the folder of the study</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Browse…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Reader:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Your name or initials: the same name goes on where it stopped</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Start, or go on</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Shows the first case that has no answer yet.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>%v of %m</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Real  (R)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>A real MRI. Key: R</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Synthetic  (S)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Made by a computer. Key: S</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>How sure? Keys 1 (a guess) to 5 (certain); the next case follows at once.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>1</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>A guess. Key: 1</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>2</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Rather unsure. Key: 2</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>3</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Fairly sure. Key: 3</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>4</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Sure. Key: 4</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>5</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Certain. Key: 5</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Back  (B)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Asks for the last case again. Key: B</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Export answers…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Writes the answers as CSV for medddpm reader-study score.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Close study</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/ReaderStudy.ui" />
   <source>Nothing is lost: the next start goes on from here.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>Setup</name>
  <message>
   <location filename="Resources/UI/Setup.ui" />
   <source>Setup</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Setup.ui" />
   <source>Looking for the packages that synthesis needs…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Setup.ui" />
   <source>What pip says</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Setup.ui" />
   <source>Install</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Setup.ui" />
   <source>Installs what is missing into Slicer's own Python. Nothing is installed before you press this.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Setup.ui" />
   <source>Stop installing</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Setup.ui" />
   <source>Ends the installation at once. What is there by half is found and installed anew the next time.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Setup.ui" />
   <source>Check again</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Setup.ui" />
   <source>Looks again which packages and which GPU there are.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>Synthesize</name>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>3. Synthesize</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Output:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>A new volume for each image, or an image made here that is replaced by the next one.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Create new volume on synthesize</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Synthesize</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Makes an MRI of the segmented head (Ctrl+Enter).</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Cancel</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Stops the run and gives its memory back.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Nothing has run yet.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>color: #d32f2f; font-weight: bold</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Shows what is missing and installs it on a click.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Open Setup</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Copy error report</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Copies the error, the settings and the log to the clipboard. It holds no image data and no patient names.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>color: #b26a00; font-weight: bold</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Try another seed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Makes the image again from other random numbers: the same anatomy, another appearance of the tumor.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Patient:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Keep this patient's anatomy</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Makes only a region of the MRI anew and keeps every other voxel as it is. Needs an MRI; the MRI itself stays untouched.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Region:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>What is made anew: the surroundings of the tumor, or a segment that you paint. To remove a lesion from the MRI, paint a region over it and leave the tumor segment empty.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Mass effect:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>How strongly the tumor pushes the tissue around it: 0 not at all, 1 by its full volume</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>In the MRI:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>As drawn now</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>The MRI shows the tumor where it is drawn now. Move, mirror, change or erase it afterwards: the edit takes it out here and makes it there.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>No tumor</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>The MRI shows no tumor: what is drawn is put in, and nothing is taken out.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Show in 3D:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Segments</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>The surfaces of head and tumor</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Image</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Volume rendering of the synthetic image</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>MRI – synthetic:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>What the slice views show: the MRI on the left, the synthetic image on the right.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Preview:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Shows the image as it is made. The last steps decide how it looks.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Show the image while it forms</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Synthesize.ui" />
   <source>Synthetic images are for research only, not for diagnosis.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>Train</name>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Train</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Trains a model on MRIs of your own, in the background. Closing Slicer saves a checkpoint and ends the training; it can be resumed.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Data folder:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>A folder with MRIs (NIfTI, NRRD) and, optionally, tumor masks</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Choose the folder of images</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Browse…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Output folder:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Checkpoints, log and sample pictures go here.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Choose the folder for the results</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Steps a stage:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>How often the network is corrected; each stage of the model gets as many</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Batch size:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Images that are looked at together in a step: more take more memory</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Goes on from the model chosen under Advanced instead of from nothing</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Start from the chosen model</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Packs the images first if need be, then trains, in the background.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Stop</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Saves a checkpoint and stops.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Use this model</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Chooses the model that this training has made for the next image</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Show loss curve</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="Resources/UI/Train.ui" />
   <source>Shows the loss in a plot view.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>mrml.by_hand</name>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/by_hand.py" />
   <source>The segments were changed while the lesion was moved.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/by_hand.py" />
   <source>Press Cancel and move it again.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>mrml.grids</name>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/grids.py" />
   <source>Choose another volume.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/grids.py" />
   <source>Choose an MRI of one contrast.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/grids.py" />
   <source>Choose the MRI it was drawn on, or paint something in it first.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/grids.py" />
   <source>The segmentation and the MRI are related by a warping transform.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/grids.py" />
   <source>Harden the transform first (Transforms module).</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/grids.py" />
   <source>The volume “{name}” holds no image.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/grids.py" />
   <source>The volume “{name}” holds several values a voxel, as a colour image does.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/grids.py" />
   <source>The segmentation “{name}” does not say which voxel grid it lies on.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>mrml.lesions</name>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/lesions.py" />
   <source>{name} (saved)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/lesions.py" />
   <source>About {percent} % of the lesion lies outside the brain, in bone or scalp or below (estimated from the head).</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/lesions.py" />
   <source>The tools keep a lesion inside the head: make the head first, under Head and tumor.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/lesions.py" />
   <source>There is no lesion yet.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/lesions.py" />
   <source>Paint one, or place one from the library.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/lesions.py" />
   <source>There is no lesion to save.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/lesions.py" />
   <source>Paint one first.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/lesions.py" />
   <source>{before} ml before, {after} ml now.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/lesions.py" />
   <source>The segmentation lies under a warping transform.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/lesions.py" />
   <source>Harden the transform first (Transforms module).</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/lesions.py" />
   <source>Nothing changed.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/lesions.py" />
   <source>“{name}” has no {title} segment with anything in it.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/lesions.py" />
   <source>The head now fills the {ml} ml that the lesion left.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>mrml.loss_plot</name>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/loss_plot.py" />
   <source>Step</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/loss_plot.py" />
   <source>Loss</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/loss_plot.py" />
   <source>Validation loss</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/loss_plot.py" />
   <source>{name}: loss</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>mrml.nifti</name>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/nifti.py" />
   <source>Run again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/nifti.py" />
   <source>The image file {path} could not be read: it is not a plain 3D image.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/nifti.py" />
   <source>The image file {path} could not be read: {error}.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>mrml.reader_study</name>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/reader_study.py" />
   <source>Copy the study again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/reader_study.py" />
   <source>The reader has no name yet.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/reader_study.py" />
   <source>Enter one: it names the file of answers.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/reader_study.py" />
   <source>Copy the study to a folder that you may write to.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/reader_study.py" />
   <source>Choose another place.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/reader_study.py" />
   <source>Free space or connect the disk again, then answer once more.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/reader_study.py" />
   <source>{path} is not a picture that can be read.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/reader_study.py" />
   <source>Move that file away to start anew, or correct the line.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/reader_study.py" />
   <source>The answers cannot be kept in {folder}: {reason}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/reader_study.py" />
   <source>{path} could not be written: {reason}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/reader_study.py" />
   <source>The answer could not be written to {log}: {reason}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/reader_study.py" />
   <source>Line {number} of {log} cannot be understood ({error}).</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>mrml.results</name>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/results.py" />
   <source>The result does not lie on the grid of the mask.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/results.py" />
   <source>Copy the error report and send it to us.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>mrml.samples</name>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/samples.py" />
   <source>An empty image to paint on: there is no MRI.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>mrml.scene</name>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/scene.py" />
   <source>{ml} ml of {loser} lie in {winner} and count as {winner}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/scene.py" />
   <source>The segment could not be stored.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/scene.py" />
   <source>Try again in a new segmentation.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/scene.py" />
   <source>Save the scene and load it again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/scene.py" />
   <source>“{name}” has no {absent} segment with anything in it.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/scene.py" />
   <source>Under Input, choose the segment that is the {absent}, or make one from the MRI.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/scene.py" />
   <source>The segments of “{name}” could not be read.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>mrml.surfaces</name>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/surfaces.py" />
   <source>In the Segmentations module, make the binary labelmap the source representation.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/surfaces.py" />
   <source>“{name}” is made of surfaces.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>mrml.variants</name>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>Sample</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>Seed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>Drawn (ml)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>Seen (ml)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>Mean inside</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>Mean around</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>Contrast (%)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>A mean needs several images.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>Under Advanced, set Images to 2 or more, and synthesize.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>There is no lesion to measure.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>Paint one, or add one with the lesion tools.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>The lesion lies outside the synthetic image.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>Choose the segmentation it was made from.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>There is no head around the lesion to compare it with.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>Make the head segment larger.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>The MRI and the synthetic image do not lie on the same voxels.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>Under Advanced, set the output grid to that of the MRI, and synthesize again with this MRI chosen.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>Choose an MRI.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/mrml/variants.py" />
   <source>“{name}” has no contrast.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>panels.__init__</name>
  <message>
   <location filename="MedDDPMSlicerLib/panels/__init__.py" />
   <source>This box rests while cases are read: close the study first.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>panels.about</name>
  <message>
   <location filename="MedDDPMSlicerLib/panels/about.py" />
   <source>Turns a segmentation of head and tumor into a synthetic whole-head MRI with a conditional 3D diffusion model. Choose or paint a segmentation and press Synthesize. Research only, not for diagnosis.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/about.py" />
   <source>The method is Med-DDPM: Z. Dorjsembe, H.-K. Pao, S. Odonchimed, F. Xiao, “Conditional Diffusion Models for Semantic 3D Brain MRI Synthesis”, IEEE Journal of Biomedical and Health Informatics 28(7), 2024. Bundled weights: IXI dataset (brain-development.org), CC BY-SA 4.0.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/about.py" />
   <source>Tutorial</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/about.py" />
   <source>Troubleshooting</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/about.py" />
   <source>What the model can and cannot do</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/about.py" />
   <source>What was checked in Slicer</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>panels.advanced</name>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>The weights of the Med-DDPM authors are not part of this extension. You can download them from the authors' page (github.com/mobaidoctor/med-ddpm) under the authors' terms: their code is GPL-3.0, the weights are for research only and were trained on data with terms of their own (BraTS among them). By going on you confirm that you have downloaded the file under these terms. It is converted on this computer and sent nowhere.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>DPM-Solver++ (2M), with noise</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>Ancestral, as published</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>As the segmentation or MRI</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>As the model was trained</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>Images</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>Labels</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>Trained on</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>Licence</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>Notes</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>Automatic: the fastest there is</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>No model was found. Import one, or reinstall the extension.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>The worker is running</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>No worker is running</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>Converting…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>Import published weights…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>Folder with model.json and weights</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>Checkpoint of the authors</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>Checkpoints (*.pt)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>As the model recommends</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>Import published weights</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source> ({free:.1f} GB free)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>There is no model in {folder}: a model is a folder with model.json and weights.safetensors.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/advanced.py" />
   <source>The weights were not imported.
{problem}</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>panels.annotation</name>
  <message>
   <location filename="MedDDPMSlicerLib/panels/annotation.py" />
   <source>SYNTHETIC: not for diagnosis</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>panels.by_hand</name>
  <message>
   <location filename="MedDDPMSlicerLib/panels/by_hand.py" />
   <source>Drag the handle in a view, or use the arrow keys, Page Up and Page Down, and [ and ] for the size. Enter applies, Esc cancels.
{right:.1f} mm {r}, {front:.1f} mm {a}, {up:.1f} mm {s}; {ml:.2f} ml</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>panels.compare</name>
  <message>
   <location filename="MedDDPMSlicerLib/panels/compare.py" />
   <source>Sample:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/compare.py" />
   <source>The image alone</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/compare.py" />
   <source>All samples in a grid</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/compare.py" />
   <source>Sample {number} of {count}, seed {seed}:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/compare.py" />
   <source>Fade between MRI and synthetic image</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/compare.py" />
   <source>Side by side</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/compare.py" />
   <source>Checkerboard</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/compare.py" />
   <source>Difference map</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/compare.py" />
   <source>By lines, the seeds {seeds}. Scroll through all at once.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/compare.py" />
   <source>“{mean}” and “{sd}” were added.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/compare.py" />
   <source>The table “{name}” was added to the scene.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>panels.compute_on</name>
  <message>
   <location filename="MedDDPMSlicerLib/panels/compute_on.py" />
   <source>From now on, each click on Synthesize sends the mask, and for an edit the MRI and its masks, to {host} over SSH, where the image is made. They are deleted there when the click has ended, but whoever administers that computer can read them meanwhile. Send only what may be there. Go on?</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/compute_on.py" />
   <source>Compute on another computer</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/compute_on.py" />
   <source>Connected to {host}: {devices}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/compute_on.py" />
   <source>Connecting to {host} …</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>panels.edit</name>
  <message>
   <location filename="MedDDPMSlicerLib/panels/edit.py" />
   <source>Choose a segmentation first.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/edit.py" />
   <source>The Segment Editor needs an image to paint on: choose the MRI above, or</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/edit.py" />
   <source>Choose the tumor segment, then Paint, Draw or Erase in the slice views. Undo with Ctrl+Z. The tumor may lie over the head: it counts as tumor.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>panels.export</name>
  <message>
   <location filename="MedDDPMSlicerLib/panels/export.py" />
   <source>Writes the image as a DICOM series into a new folder. Nothing is written over.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/export.py" />
   <source>Only images made here are exported: make one, or choose one.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/export.py" />
   <source>Stopping: what is made is completed…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/export.py" />
   <source>Folder with masks</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/export.py" />
   <source>Where to put the DICOM folder</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/export.py" />
   <source>Folder for the dataset</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/export.py" />
   <source>Stopped.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/export.py" />
   <source>DICOM export</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/export.py" />
   <source>The packages for DICOM are there now: export once more.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/export.py" />
   <source>Starting…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/export.py" />
   <source>DICOM export needs {names} (a few megabytes). Install now?</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/export.py" />
   <source>This did not work: {problem}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/export.py" />
   <source>Ended. See {folder}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/export.py" />
   <source>The packages for DICOM could not be installed: {problem}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/export.py" />
   <source>{names}, which Slicer has now, will be replaced by a newer version. Slicer should then be restarted.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>panels.input</name>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>Next: press “Make head segment from the MRI”, or choose a segmentation.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>Adds an empty segment with the right name, terminology and colour</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>Choose a segmentation, or start from a sample head.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>Create</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>None found</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>Find by name or terminology</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>Looking for the head…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>There is no head segment yet: make one from the MRI, or create and paint one, or choose one.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>Not known what it is, and left out: {names}. Choose it above if it is one of these.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>“{name}” is the {label}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>The segment that is the {name}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>Take segments from “{name}”</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>Taken from “{name}”: {segments}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>The head was found in “{mri}”. Please look at it before you go on.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>{title}:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>Found: {names}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>nothing</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>There is no {name} segment yet: create and paint one, or choose one above.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/input.py" />
   <source>No segment for: {names}. The image will show none.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>panels.lesion_tools</name>
  <message>
   <location filename="MedDDPMSlicerLib/panels/lesion_tools.py" />
   <source>All pieces</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/lesion_tools.py" />
   <source>The piece nearest to the crosshair</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/lesion_tools.py" />
   <source>All lesion segments</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/lesion_tools.py" />
   <source>Save as shape</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/lesion_tools.py" />
   <source>Name of the shape:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/lesion_tools.py" />
   <source>The tools need a lesion segment: create one above, under Head and tumor.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/lesion_tools.py" />
   <source>Hold Shift and move the mouse over the head in a slice view, then try again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/lesion_tools.py" />
   <source>The shape is in your library: {path}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/lesion_tools.py" />
   <source>The MRI is taken to show it as it was before; if not, say so under Synthesize.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/lesion_tools.py" />
   <source>The crosshair (R {:.0f}, A {:.0f}, S {:.0f} mm) is not in the head.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>panels.reader_study</name>
  <message>
   <location filename="MedDDPMSlicerLib/panels/reader_study.py" />
   <source>How sure are you?</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/reader_study.py" />
   <source>Real or synthetic?</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/reader_study.py" />
   <source>Folder of the study</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/reader_study.py" />
   <source>Answers</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/reader_study.py" />
   <source>CSV files (*.csv)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/reader_study.py" />
   <source>The scene was closed. Every answer is kept: start again to go on.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/reader_study.py" />
   <source>Case {number} of {total}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/reader_study.py" />
   <source>All {total} cases are read. Thank you. Export the answers.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/reader_study.py" />
   <source>Something is still being made or moved that the views show.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/reader_study.py" />
   <source>Wait until it is finished, or cancel it; then start the study.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/reader_study.py" />
   <source>The answers are in {path}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/reader_study.py" />
   <source>{left} cases are not read yet.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>panels.setup</name>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>Behind a proxy, set the environment variable HTTPS_PROXY before you start Slicer. Without internet, install PyTorch, safetensors, nibabel, tqdm and psutil from downloaded files with pip's --find-links, then press “Check again”. Everything but synthesis and training works without them.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>Starting pip…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>Setup: installing…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>Setup</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>Looking for the packages that synthesis needs…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>Setup: ready</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>Setup: something is missing</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>Images are made on {host}, with the packages that are there (Advanced, Compute on). The rest is of this computer, where training and export run:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>Synthesis will run on {host}: {devices}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>This Slicer still works with what was replaced ({names}) and should be restarted before you go on. Restart now?</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>MedDDPM</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>Setup: images are made on {host}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>Which devices {host} has is known once it was asked: press Test under Advanced.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>The installation did not work: {problem}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>Missing: {names}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>{name} {version} is too old: {needed} is needed.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>{name} is installed by half and does not start: {reason}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/setup.py" />
   <source>All that synthesis needs is there ({versions}).</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>panels.synthesize</name>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>Makes an MRI of the segmented head (Ctrl+Enter).</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>This did not work:</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>Around the tumor</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>No GPU was found: how long an image takes here is known after the first.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>The tumor made differs by {percent:.0f} % from the tissue around it, and may be hard to see.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>Not known. What is drawn is made; nothing is taken out.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>Synthesis needs packages that are not there yet: open Setup.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>There is no model: import one under Advanced, or install the extension again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>Choose a segmentation first.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>No segment is the tumor, and {names} is left out. Make an image without a tumor?</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>Synthesize</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>The MRI seems to be with contrast agent; the model makes T1 without it: vessels stay dark.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>No GPU was found: about {time} an image on this computer.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>In {count} of {total} images the tumor differs by {percent:.0f} % or less from what is around.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>No tumor. What is drawn is put in.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>Ready.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>Nothing is drawn in {names}. Make an image without a tumor?</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>{m} min {s} s</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>{s} s</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>, voxels of {size} mm</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>The segmentation has no {name} segment yet.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>, {time} left</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/synthesize.py" />
   <source>A tumor of {ml:.1f} ml. It is taken out where it is drawn no more.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>panels.train</name>
  <message>
   <location filename="MedDDPMSlicerLib/panels/train.py" />
   <source>Resume</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/train.py" />
   <source>Train</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/train.py" />
   <source>Saving a checkpoint…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/train.py" />
   <source>The training ended.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/train.py" />
   <source>Starting…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/train.py" />
   <source>“{name}” is chosen: the next image is made with it.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/train.py" />
   <source>Folder with MRIs</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/train.py" />
   <source>Folder for the results</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/train.py" />
   <source>Step {step}, loss {loss:.4f}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/train.py" />
   <source>There is no folder {folder}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/panels/train.py" />
   <source>The training ended: {problem}</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>processes.command_process</name>
  <message>
   <location filename="MedDDPMSlicerLib/processes/command_process.py" />
   <source>it had to be killed: what was not yet saved is lost.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>processes.dependencies</name>
  <message>
   <location filename="MedDDPMSlicerLib/processes/dependencies.py" />
   <source>No GPU was found: synthesis will run on the processor.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/dependencies.py" />
   <source>Download: a few megabytes.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/dependencies.py" />
   <source>about 3 GB (PyTorch for NVIDIA GPUs)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/dependencies.py" />
   <source>about 250 MB (PyTorch for the processor)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/dependencies.py" />
   <source>Download: {size}. It is kept inside Slicer and needed once.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/dependencies.py" />
   <source>Synthesis will run on: {devices}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/dependencies.py" />
   <source>The installed PyTorch cannot use the GPU ({cards}); synthesis will run on the processor. To change that, reinstall PyTorch with the PyTorch module.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/dependencies.py" />
   <source>The driver of the GPU ({cards}) is too old for PyTorch: synthesis will run on the processor.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/dependencies.py" />
   <source>Will use the GPU: {cards}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/dependencies.py" />
   <source>Python's check of its packages gave no answer.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/dependencies.py" />
   <source>Slicer's Python could not be started ({path}).</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>processes.export</name>
  <message>
   <location filename="MedDDPMSlicerLib/processes/export.py" />
   <source>Choose one that was made here.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/export.py" />
   <source>Harden the transform first (right click in the Data module).</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/export.py" />
   <source>Not known what it is, and left out of “{name}”: {segments}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/export.py" />
   <source>The scene holds no segmentation with a head to make images from.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/export.py" />
   <source>Choose the segmentation and the model that it was made with and undo what was changed since, or untick “With the segmentation”.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/export.py" />
   <source>Paint one, or choose a folder of masks.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/export.py" />
   <source>Image {image} of {images}: step {step} of {total}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/export.py" />
   <source>“{name}” is no synthetic image.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/export.py" />
   <source>“{name}” lies under a transform, which a DICOM series cannot hold.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/export.py" />
   <source>“{image}” was not made of “{segmentation}” as it is now, which may mark what it does not show.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>processes.installation</name>
  <message>
   <location filename="MedDDPMSlicerLib/processes/installation.py" />
   <source>Nothing is installed in testing mode.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/installation.py" />
   <source>Another installation is under way: wait for its end, then try again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/installation.py" />
   <source>It was stopped.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>processes.packed</name>
  <message>
   <location filename="MedDDPMSlicerLib/processes/packed.py" />
   <source>Choose that folder as the images, or choose a new output folder.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/packed.py" />
   <source>Choose a new output folder.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/packed.py" />
   <source>{folder} holds a training set that was not packed here.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/packed.py" />
   <source>The training in {folder} was begun with other images.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>processes.run</name>
  <message>
   <location filename="MedDDPMSlicerLib/processes/run.py" />
   <source>Starting the worker</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/run.py" />
   <source>Preparing</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/run.py" />
   <source>The tumor is drawn where the MRI shows it, and is made anew there.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/run.py" />
   <source>Cancelled.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/run.py" />
   <source>Loading the image</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/run.py" />
   <source>The tumor of {ml} ml that the MRI shows is taken out where it is drawn no more.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/run.py" />
   <source>Cancelling</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/run.py" />
   <source>Done in {seconds} s: {name}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/run.py" />
   <source>The segmentation was deleted, so the run was stopped.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/run.py" />
   <source>There is nothing in the segment that says what is to be made anew.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/run.py" />
   <source>Paint the region, or choose “Around the tumor”.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/run.py" />
   <source>{phase}: step {step} of {total}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/run.py" />
   <source>{phase}, image {sample} of {samples}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/run.py" />
   <source>The result could not be loaded: {error}</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>processes.synthesis_process</name>
  <message>
   <location filename="MedDDPMSlicerLib/processes/synthesis_process.py" />
   <source>Open Setup and install what is needed.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/synthesis_process.py" />
   <source>Restart Slicer so that both are of the same version.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/synthesis_process.py" />
   <source>Press Synthesize to try again. If memory is short, close other programs.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/synthesis_process.py" />
   <source>The worker could not start: the package {name} is missing.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/synthesis_process.py" />
   <source>The worker speaks version {theirs} of the protocol, the module version {ours}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/synthesis_process.py" />
   <source>The worker process ended unexpectedly ({how}).</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>processes.temporary</name>
  <message>
   <location filename="MedDDPMSlicerLib/processes/temporary.py" />
   <source>Make room on the disk, or choose another temporary folder in Slicer's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="MedDDPMSlicerLib/processes/temporary.py" />
   <source>The temporary folder could not be written to: {error}.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>processes.training</name>
  <message>
   <location filename="MedDDPMSlicerLib/processes/training.py" />
   <source>these images could not be packed: {reasons}. Mend their files or remove them from the folder, then press Train again.</source>
   <translation type="unfinished" />
  </message>
 </context>
 <context>
  <name>qSlicerAbstractCoreModule</name>
  <message>
   <location filename="MedDDPMSlicer.py" />
   <source>Image Synthesis</source>
   <translation type="unfinished" />
  </message>
 </context>
</TS>
