"""The state of a trainer by names, as it is stored in backups."""

import keras


def named_variables(model) -> dict[str, keras.Variable]:
    """Every variable of a trainer by a name that is unique and stable.

    Those of optimizers, of the mean losses and of pools are there once it is compiled.

    Args:
        model: a trainer.

    Returns:
        Variables by group and index: `model/0000`, `generator_optimizer/0000`,
        `discriminator_optimizer/0000`, `means/0000`; those of a pool by its name.
    """
    groups = {"model": model.variables}
    if model.compiled:
        for name, optimizer in model.optimizers.items():
            groups[name] = optimizer.variables
        groups["means"] = model.metrics_variables
    variables = {
        f"{group}/{index:04d}": variable
        for group, variables in groups.items()
        for index, variable in enumerate(variables)
    }
    for pool in model.pools:
        variables |= {f"{pool.name}/{name}": v for name, v in pool.state().items()}
    return variables
