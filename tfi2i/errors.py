"""Errors of other libraries in one line."""

# How the lines begin that TensorFlow writes above the reason.
_PREFACE = ("Graph execution error:", "Detected at node", 'File "', "<stack traces")


def reason(error: BaseException) -> str:
    """The reason of an error in one line.

    Args:
        error: its message may have many lines, or none.

    Returns:
        The first line that is a reason; without one, the error's class.
    """
    for line in map(str.strip, str(error).splitlines()):
        if line and not line.startswith(_PREFACE):
            return line
    return type(error).__name__


def not_installed(what: str, error: ImportError, extra: str) -> ValueError:
    """The error of a package that only an extra installs.

    Args:
        what: what needs the package: the beginning of the message.
        error: of its import.
        extra: the extra of tfi2i that installs it.
    """
    return ValueError(
        f"{what} needs {error.name}, which is not installed: pip install "
        f"'tfi2i[{extra}]'."
    )
