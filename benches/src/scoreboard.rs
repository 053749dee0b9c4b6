//! The scoreboards: each engine beside its peers, turn by turn, so that what else the machine does falls on all.

use super::board::{self, Board};
use super::child::{self, Task};
use super::engines::{BULK_DURABLE, Contender, Engine, FILE, SINGLE_APPENDS};
use super::host;
use super::peer::Peer;
use super::postgres;
use super::reads;
use super::scratch::{self, Scratch};
use super::workload::{BATCH, Batch, Batches, Questions};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Single appends take turns so often in a round, since on a machine that others use the disk's speed changes within seconds.
const TURNS: usize = 10;
/// Stores are filled in turns of so many batches.
const TURN_BATCHES: usize = 20;
/// A store is opened so often in a round.
const OPENINGS: usize = 5;

impl Engine {
    /// Measures, prints and saves everything that is wanted.
    pub fn run(&self, events: usize, rounds: usize) {
        let names = self.contenders.iter().map(|contender| contender.name.to_string());
        let scratch = Scratch::new(&format!("bench-{}", self.name));
        let batches = Batches::of(events);
        let json_bytes: usize = batches.iter().map(|batch| batch.text.len()).sum();
        let server = if self.served { format!("; PostgreSQL {}", postgres::version()) } else { String::new() };
        let about = format!(
            "{} events of {} bytes on average in batches of 1,000; rounds: {rounds}{server}",
            board::thousands(events),
            json_bytes / events
        );
        let mut board = Board::new(format!("The {} engine", self.name), about, names, self.works(events));
        let mut filled: Vec<PathBuf> = Vec::new();
        for round in 0..=rounds {
            self.append_singly(&batches, &mut board, &scratch);
            if ["A3", "A4", "R", "O1", "S1", "M1 reading"].iter().any(|name| board.wants(name)) {
                self.fill_and_read(&batches, &mut board, &scratch, &mut filled);
            }
            // The first round is for nothing: memory that nobody has touched since the machine was started is slow, and
            // whoever came first would pay for it.
            if round == 0 {
                board.clear();
            }
        }
        if board.wants("O1 after kill -9") {
            self.kill_and_open(events, rounds, &mut board, &scratch);
        }
        for (column, contender) in self.stores().iter().enumerate() {
            if board.wants("M1 appending") {
                let peak = child::peak(self, contender, Task::Append, &scratch.fresh("memory"), events);
                board.note("M1 appending", column, peak.anonymous);
            }
            if board.wants("M1 reading") {
                let peak = child::peak(self, contender, Task::Read, &filled[column], events);
                board.note("M1 reading", column, peak.anonymous);
                board.note("M1 reading, with mapped files", column, peak.resident);
            }
        }
        board.print();
        board::save(self.name, &[&board]);
    }

    /// A1 and A2.
    fn append_singly(&self, batches: &[Batch], board: &mut Board, scratch: &Scratch) {
        if !board.wants("A1") && !board.wants("A2") {
            return;
        }
        let mut peers = Vec::new();
        for contender in self.contenders {
            peers.push((contender.open)(&scratch.fresh(&format!("single {}", contender.name))));
        }
        for batch in batches.iter().cycle().take(TURNS) {
            for (column, peer) in peers.iter_mut().enumerate() {
                board.time("A1 single", column, || peer.append_singly(&batch.rows[..SINGLE_APPENDS]));
            }
        }
        // Events of which none is there yet: most peers take an id once.
        for batch in batches.iter().cycle().skip(TURNS).take(TURNS) {
            for (column, peer) in peers.iter_mut().enumerate() {
                board.time("A2 16 threads", column, || peer.append_from_threads(&batch.rows));
            }
        }
    }

    /// A3 or A4, R1 to R4, S1, and O1 after a clean close. Stores that are filled already and whose filling nobody measures are
    /// used again.
    fn fill_and_read(&self, batches: &[Batch], board: &mut Board, scratch: &Scratch, filled: &mut Vec<PathBuf>) {
        let questions = Questions::about(batches.len() * BATCH);
        let again = self.name == FILE.name && filled.len() == self.stores().len() && !board.wants(BULK_DURABLE);
        if !again {
            filled.clear();
        }
        // Freed space keeps the disk busy for a while: that is to fall on nobody.
        let directories: Vec<PathBuf> = self
            .contenders
            .iter()
            .enumerate()
            .map(|(column, contender)| match filled.get(column) {
                Some(directory) => directory.clone(),
                None => scratch.fresh(contender.name),
            })
            .collect();
        nix::unistd::sync();
        let mut peers: Vec<Box<dyn Peer>> = Vec::new();
        peers
            .extend(self.contenders.iter().zip(&directories).map(|(contender, directory)| (contender.open)(directory)));
        let stores = self.stores().len();
        if !again {
            // The limit of memory has none of this, and that of the disk can be asked without it.
            let fills = if board.wants(BULK_DURABLE) { peers.len() } else { stores };
            let mut seconds = vec![0.0; fills];
            for batches in batches.chunks(TURN_BATCHES) {
                for (peer, seconds) in peers.iter_mut().zip(&mut seconds) {
                    host::fetch(host::TURN_BYTES);
                    let begun = Instant::now();
                    peer.append(batches);
                    *seconds += begun.elapsed().as_secs_f64();
                }
            }
            seconds.into_iter().enumerate().for_each(|(column, seconds)| board.note(self.bulk, column, seconds));
            filled.extend_from_slice(&directories[..stores]);
        }
        if self.limited {
            peers[stores].prepare(batches);
        }
        if self.served {
            postgres::settle();
        }
        reads::compare(&mut peers, &questions);
        for (column, peer) in peers.iter_mut().enumerate() {
            reads::read(&mut **peer, &questions, board, column);
        }
        drop(peers);
        for (column, directory) in filled.iter().enumerate().filter(|_| self.served) {
            board.note("S1 on disk", column, postgres::disk_bytes(directory) as f64);
        }
        for (column, contender) in self.stores().iter().enumerate().filter(|_| self.name == FILE.name) {
            board.note("S1 on disk", column, scratch::disk_bytes(&filled[column]) as f64);
            for _ in 0..OPENINGS {
                open_once("O1 after close", contender, &filled[column], board, column);
            }
        }
    }

    /// O1 after the process was killed that had filled the store: once filled, copied for each opening.
    fn kill_and_open(&self, events: usize, rounds: usize, board: &mut Board, scratch: &Scratch) {
        let mut killed = Vec::new();
        for contender in self.stores() {
            let directory = scratch.fresh(&format!("killed {}", contender.name));
            child::kill(self, contender, &directory, events);
            killed.push(directory);
        }
        for _ in 0..rounds {
            for (column, contender) in self.stores().iter().enumerate() {
                let copy = scratch.fresh("copy");
                scratch::copy(&killed[column], &copy);
                open_once("O1 after kill -9", contender, &copy, board, column);
            }
        }
    }
}

/// Opens a store and reads its newest event, so that nothing is put off.
pub fn open_once(name: &str, contender: &Contender, directory: &Path, board: &mut Board, column: usize) {
    let mut opened = None;
    board.time(name, column, || {
        let mut peer = (contender.open)(directory);
        peer.newest();
        opened = Some(peer);
    });
}
