//! What befalls a server: its processes die all at once, or stand still.

use super::{Server, run};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::Command;
use std::time::{Duration, Instant};

impl Server {
    /// kill -9 for all of its processes. What they wrote stays in the system's page cache: so the cluster is as after a
    /// crash of the server, not of the machine.
    pub fn kill(&self) {
        let postmaster = self.pid();
        let memory = self.shared_memory();
        // One that stands still starts no more processes, and does not see its own die.
        halt(postmaster);
        let mut all = children(postmaster);
        all.push(postmaster);
        all.iter().for_each(|process| signal(*process, Signal::SIGKILL));
        wait_until("all of them are dead", || all.iter().all(|process| state(*process).is_none()));
        // It has left its memory behind, and its locks: those name a process that looks alive while nobody asks for its end.
        run(Command::new("ipcrm").arg("-m").arg(memory));
        let locks = [self.data().join("postmaster.pid"), self.home.join(format!(".s.PGSQL.{}.lock", self.port))];
        locks.iter().for_each(|lock| std::fs::remove_file(lock).expect("a server that runs has it"));
    }

    /// SIGSTOP for all of its processes: its connections stay open, and nothing comes from them.
    pub fn freeze(&self) {
        let postmaster = self.pid();
        halt(postmaster);
        children(postmaster).into_iter().for_each(halt);
    }

    /// They go on.
    pub fn thaw(&self) {
        let postmaster = self.pid();
        children(postmaster).into_iter().for_each(|child| signal(child, Signal::SIGCONT));
        signal(postmaster, Signal::SIGCONT);
    }

    /// SIGSTOP for the one of a standby's processes that takes what the primary sends.
    pub fn freeze_receiver(&self) {
        let receiver = children(self.pid()).into_iter().find(|child| {
            std::fs::read_to_string(format!("/proc/{child}/cmdline")).is_ok_and(|title| title.contains("walreceiver"))
        });
        halt(receiver.expect("a standby has one"));
    }

    /// The number of the segment of shared memory by which one server keeps another one out of its folder.
    fn shared_memory(&self) -> String {
        let text = std::fs::read_to_string(self.data().join("postmaster.pid")).expect("a server that runs says so");
        let line = text.lines().nth(6).expect("it says its shared memory");
        String::from(line.split_whitespace().nth(1).expect("a key and a number"))
    }
}

fn signal(process: u32, signal: Signal) {
    // It may have ended by itself.
    let _ = kill(Pid::from_raw(process as i32), signal);
}

/// Stops a process, and waits until it has stopped.
fn halt(process: u32) {
    signal(process, Signal::SIGSTOP);
    wait_until("it stands still", || state(process).is_none_or(|state| state == 'T'));
}

/// What the kernel says that a process is doing; none if it is dead, though nobody may have asked for its end.
fn state(process: u32) -> Option<char> {
    let (state, _) = stat(process)?;
    (state != 'Z').then_some(state)
}

fn children(of: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").expect("Linux has it").flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|number| stat(*number).is_some_and(|(_, parent)| parent == of)).collect()
}

/// The state of a process, and who started it.
fn stat(process: u32) -> Option<(char, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before them is in brackets, and may have any of them in it.
    let mut fields = text[text.rfind(')')? + 1..].split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Waits for what must come soon.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "a minute went by, and it is not so that {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
