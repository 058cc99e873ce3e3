"""What can go wrong while setting up, in words for the person at the keyboard."""

from __future__ import annotations

import errno
import re
from pathlib import Path

NO_NETWORK = re.compile(
    r"Failed to establish a new connection|Name or service not known|name resolution|getaddrinfo failed"
    r"|Network is unreachable|Connection refused|No route to host|nodename nor servname",
    re.IGNORECASE,
)
SLOW_NETWORK = re.compile(
    r"Read timed out|ReadTimeoutError|ConnectTimeout|Connection reset|IncompleteRead", re.IGNORECASE
)
CERTIFICATE = re.compile(r"CERTIFICATE_VERIFY_FAILED|SSLError|certificate verify failed", re.IGNORECASE)
PROXY = re.compile(r"ProxyError|407 Proxy|Tunnel connection failed", re.IGNORECASE)
DISK_FULL = re.compile(r"No space left on device|Errno 28|WinError 112|Disk quota exceeded|Errno 122", re.IGNORECASE)
DENIED = re.compile(r"Permission denied|Errno 13|WinError 5|WinError 32|Read-only file system", re.IGNORECASE)
WRONG_HASH = re.compile(r"DO NOT MATCH THE HASHES", re.IGNORECASE)
NOT_BUILT = re.compile(
    r"No matching distribution found for (\S+)|Could not find a version that satisfies", re.IGNORECASE
)
NOISE = re.compile(r"Requirement already satisfied|WARNING: Location|Looking in |Ignoring |Collecting |Using cached ")


class SetupError(Exception):
    """The set-up cannot go on. `title` says what happened, `hint` what to do about it."""

    def __init__(self, title: str, hint: str, detail: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.hint = hint
        self.detail = detail

    def __str__(self) -> str:
        parts = [self.title, self.detail, self.hint]
        return "\n".join(part for part in parts if part)


def explain_output(what: str, output: str, log: Path) -> SetupError:
    """Turn the last lines of a failed command into a problem with a cause and an advice.

    Args:
        what: what was being done, as the subject of a sentence ("Installing the window's packages").
        output: the end of what the command printed.
        log: where all of it is kept.
    """
    title, hint = f"{what} failed.", "The lines above are the end of the log; the cause is usually among them."
    again = "Then run the same command again: what is already there is kept."
    if DISK_FULL.search(output):
        title, hint = f"{what} failed: the disk is full.", f"Free some space on the disk of {log.parent}. {again}"
    elif WRONG_HASH.search(output):
        title = f"{what} failed: a download is not the file that was locked."
        hint = (
            "A mirror or a proxy may have changed it, or the download broke off. Run the same command again; if it"
            " fails in the same way, do not use that mirror."
        )
    elif PROXY.search(output):
        title = f"{what} failed: the proxy refused the connection."
        hint = f"Check the environment variable HTTPS_PROXY or `pip config list`. {again}"
    elif CERTIFICATE.search(output):
        title = f"{what} failed: the certificate of the package registry was not accepted."
        hint = (
            f"If your network inspects traffic, give its certificate to pip: pip config set global.cert FILE. {again}"
        )
    elif NO_NETWORK.search(output):
        title = f"{what} failed: the package registry could not be reached."
        hint = f"Check the network, and HTTPS_PROXY or `pip config list` if you are behind a proxy. {again}"
    elif SLOW_NETWORK.search(output):
        title, hint = f"{what} failed: the network broke off.", again
    elif DENIED.search(output):
        title = f"{what} failed: a file in {log.parent} could not be written."
        hint = f"Close ORPO Studio if it is running, and check who owns that folder. {again}"
    elif NOT_BUILT.search(output):
        found = NOT_BUILT.search(output)
        name = found.group(1) if found and found.group(1) else "a package"
        title = f"{what} failed: {name} is not offered for this Python or this system."
        hint = (
            "The packages are built for Python 3.11 to 3.14 on 64-bit Linux (glibc), macOS and Windows."
            " Start this with one of those, or check the mirror in `pip config list`."
        )
    return SetupError(title, f"{hint}\nThe full log: {log}", last_lines(output))


def explain_os_error(error: OSError, folder: Path) -> SetupError:
    """Turn an error of the file system into a problem with an advice."""
    again = "Then run the same command again."
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return SetupError(
            f"{folder} cannot be written to ({error.strerror}).",
            f"The environment is made in that folder. Copy ORPO Studio to a folder of your own. {again}",
        )
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return SetupError(f"The disk of {folder} is full.", f"Free some space. {again}")
    return SetupError(f"A file could not be used: {error}.", again)


def last_lines(output: str, count: int = 12) -> str:
    """The last lines that say something, indented."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip() and not NOISE.match(line.strip())]
    return "\n".join(f"    {line}" for line in lines[-count:])
