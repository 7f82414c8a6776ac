"""A study in one file: `python -m search export` and `import`.

A bundle is a zip file, deflated or stored, that any program for zip files opens. What is in it is JSON in UTF-8, and
files as they were recorded; nothing in it is code, or a pickle. Times are in UTC, and numbers have all their digits;
`NaN` and `Infinity` stand for themselves.

    manifest.json              format, version, who wrote it and when, the study's name and uuid,
                               and of every other member its size in bytes and its SHA-256
    study.json                 direction, what the study remembers (`attributes`: settings, identity, ...),
                               and what samplers do
    trials.json                every trial, in the order of their numbers: state, values, parameters with their
                               distributions, reports by step, attributes, when it began and ended
    runs/17/run.json           the run of trial 17: name, status, tags, parameters, data sets, when it began and ended;
                               every metric as a list of [step, value, milliseconds since 1970]; its artifacts, and
                               what its model takes, gives and needs
    runs/17/artifacts/...      the artifacts, under their own names
    runs/17/model.keras        the model, as Keras loads it
    runs/study/...             the study's own run, with its page, `study.html`
    runs/confirmation/3/0/...  what `confirm` has trained: of trial 3 (or a report's row), with seed 0
    checkpoints/12/...         how far trial 12 is, which was interrupted

`run.json` holds tags, ids and addresses as they were; whoever takes the bundle in gives runs ids of their own.
"""
