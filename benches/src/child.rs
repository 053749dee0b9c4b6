//! What needs a process of its own: to measure its memory, or to be killed.

use super::engines::{Contender, ENGINES, Engine};
use super::memory::{Memory, Peak};
use super::peer::Peer;
use super::reads;
use super::workload::{BATCH, Batches, Kind, Questions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

#[derive(Clone, Copy, PartialEq)]
pub enum Task {
    /// Fills a store; tells its peak memory.
    Append,
    /// Reads a full store, all of it and random streams; tells its peak memory.
    Read,
    /// Fills a store, and waits to be killed.
    Wait,
}

const TASKS: [(&str, Task); 3] = [("append", Task::Append), ("read", Task::Read), ("wait", Task::Wait)];

/// The most memory that a store takes while a process does this.
pub fn peak(engine: &Engine, contender: &Contender, task: Task, directory: &Path, events: usize) -> Memory {
    let mut child = start(engine, contender, task, directory, events);
    let line = line(&mut child);
    assert!(child.wait().expect("it ran").success(), "the memory of {} could not be measured", contender.name);
    let mut numbers = line.split(' ').map(|number| number.parse().expect("a number"));
    let [anonymous, resident] = std::array::from_fn(|_| numbers.next().expect("two of them"));
    Memory { anonymous, resident }
}

/// Fills a store in a process that is then killed.
pub fn kill(engine: &Engine, contender: &Contender, directory: &Path, events: usize) {
    let mut child = start(engine, contender, Task::Wait, directory, events);
    line(&mut child);
    // SIGKILL.
    child.kill().expect("it is killed");
    child.wait().expect("it ran");
}

fn start(engine: &Engine, contender: &Contender, task: Task, directory: &Path, events: usize) -> std::process::Child {
    let (task, _) = TASKS.iter().find(|(_, known)| *known == task).expect("it has a name");
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.args(["child", engine.name, contender.name, task]).arg(directory).arg(events.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts")
}

fn line(child: &mut std::process::Child) -> String {
    let mut line = String::new();
    let output = child.stdout.as_mut().expect("it has one");
    BufReader::new(output).read_line(&mut line).expect("it is read");
    line.trim().into()
}

/// The child's side.
pub fn main(arguments: &[String]) {
    let [engine, contender, task, directory, events] = arguments else { panic!("not for people: {arguments:?}") };
    let engine = ENGINES.into_iter().find(|known| known.name == engine).expect("an engine");
    let contender = engine.contenders.iter().find(|known| known.name == contender).expect("a contender");
    let (_, task) = TASKS.iter().find(|(name, _)| name == task).expect("a task");
    let events: usize = events.parse().expect("a number");
    let memory = Peak::watch();
    let mut peer = (contender.open)(Path::new(directory));
    match task {
        Task::Append | Task::Wait => fill(&mut *peer, events),
        Task::Read => {
            peer.scan();
            if let Some(queries) = peer.queries() {
                reads::streams(queries, &Questions::about(events));
            }
        }
    }
    let Memory { anonymous, resident } = memory.so_far();
    println!("{anonymous} {resident}");
    std::io::stdout().flush().expect("somebody listens");
    if *task == Task::Wait {
        // The pipe ends only with the parent: even if that dies first, this does not stay.
        let _ = std::io::stdin().read_line(&mut String::new());
    }
}

/// Appends batches that are made one by one: they take no memory.
pub fn fill(peer: &mut dyn Peer, events: usize) {
    Batches::new(Kind::Standard).take(events / BATCH).for_each(|batch| peer.append(&[batch]));
}
