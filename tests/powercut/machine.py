"""A virtual machine under user-mode-linux, whose power can be cut."""

import os
import select
import shutil
import signal
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS_MAX = 120  # longer than any machine is silent


class Machine:
    """A running machine: `disks` are the image files that it sees as ubda, ubdb …, `job` what guest.sh reads."""

    def __init__(self, build, disks, job):
        self.share = os.path.join(build, "share")
        os.makedirs(self.share, exist_ok=True)
        with open(os.path.join(self.share, "job"), "w") as file:
            for name, value in job.items():
                text = str(value).replace("'", "'\\''")
                file.write(f"{name}='{text}'\n")
        self.read_end, write_end = os.pipe()
        self.own = tempfile.mkdtemp(prefix="machine-", dir=build)  # what it keeps about itself while it runs
        console = open(os.path.join(build, "console.log"), "ab")
        self.process = subprocess.Popen(
            [
                "linux.uml",
                "mem=256M",
                "root=/dev/root",
                "rootfstype=hostfs",
                "rootflags=/",
                "ro",
                "quiet",
                f"init={os.path.join(HERE, 'guest.sh')}",
                f"share={self.share}",
                f"uml_dir={self.own}/",
                "con=null",
                "con0=null,fd:2",
                "ssl=null",
                f"ssl0=null,fd:{write_end}",
                *(f"ubd{index}={image}" for index, image in enumerate(disks)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            pass_fds=[write_end],
            # A group of its own: the machine's programs are processes of the host, and end with it.
            start_new_session=True,
        )
        os.close(write_end)
        console.close()
        self.rest = b""

    def lines(self, timeout=SECONDS_MAX):
        """What it says, line by line, until it ends."""
        while True:
            while b"\n" in self.rest:
                line, self.rest = self.rest.split(b"\n", 1)
                yield line.rstrip(b"\r")
            if not select.select([self.read_end], [], [], timeout)[0]:
                raise TimeoutError(f"the machine said nothing for {timeout} s")
            more = os.read(self.read_end, 65536)
            if not more:
                return
            self.rest += more

    def cut(self):
        """
        The power is gone, between one instruction and the next: its memory with all that it had not written, and the
        processes that were its programs. What it had handed to its disks stays, as on a disk without a cache.
        """
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.cut()
        if self.read_end is not None:
            os.close(self.read_end)
            self.read_end = None
        shutil.rmtree(self.own, ignore_errors=True)
