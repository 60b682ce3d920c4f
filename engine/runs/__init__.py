"""A training as a folder on disk: its settings, its log, its state, and what it is told to do. No torch is needed.

The folder is the only interface between a training and whoever watches it, in the same window, another or a terminal:
neither knows whether the other runs.

    config.json          the settings, see `engine.runs.settings`
    source.json          data set, first weights, device and versions
    split.json           which cases train, validate and test
    log.jsonl            the curve, one record a line, see `engine.runs.log`
    state.json           where the training is, see `engine.runs.state`
    control.json         what it is asked to do, see `engine.runs.state`
    lock.json            which process trains in it
    output.txt           what a detached process printed
    checkpoint.pt        all of the state to go on from; checkpoint.previous.pt is the one before
    weights.safetensors  the averaged weights of the last checkpoint
    best/, model/        bundles of the best validation and of the end
    preview.npz          a slice of a validation case, see `engine.runs.preview`
    curves.png           the curves as a picture
    validation.csv       Dice of every validation case with the model that is kept
"""
