"""Other people's errors in one line."""

# What TensorFlow writes above the reason: where in whose program it happened.
_PREFACE = ("Graph execution error:", "Detected at node", 'File "', "<stack traces")


def reason(error: BaseException) -> str:
    """Says why in one line.

    Args:
        error: whose message may be of many lines, or of none.

    Returns:
        The first line that is a reason; without one, the kind of the error.
    """
    for line in map(str.strip, str(error).splitlines()):
        if line and not line.startswith(_PREFACE):
            return line
    return type(error).__name__


def not_installed(what: str, error: ImportError, extra: str) -> ValueError:
    """The error of a package that only an extra brings.

    Args:
        what: needs the package, as the message begins.
        error: of its import.
        extra: of tfi2i, which brings it.
    """
    return ValueError(
        f"{what} needs {error.name}, which is not installed: pip install "
        f"'tfi2i[{extra}]'."
    )
