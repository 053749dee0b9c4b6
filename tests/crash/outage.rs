//! The power fails: from what programs saw to what a disk could have kept of it.
//!
//! Nothing is assumed of the order in which a system writes back. Every unsure sector ends in any one
//! of its versions, every file in any of its lengths, every change of a name is kept or lost by itself.
//! Because the likely defects are not found by fair coins alone, the choices have moods.

use crate::dice::Dice;
use crate::platter::{Content, Inode, NameChange, SECTOR, State};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an outage did, to count what was tried.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Losses {
    /// Something was unsure at all.
    pub unsure: bool,
    /// A write was kept in part.
    pub torn: bool,
    /// A write was lost whole.
    pub dropped: bool,
    /// A write was kept, and an earlier one, or a part of it, was not.
    pub reordered: bool,
    /// A file has another length than programs saw.
    pub length: bool,
    /// A change of a name was lost.
    pub name: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Everything had been written back.
    All,
    /// Nothing had.
    None,
    /// What was written first.
    Prefix,
    /// What was written last.
    Suffix,
    OneMissing,
    OneKept,
    /// Each sector by itself, in so many of 8 cases.
    Mixed(u8),
    /// All of a file, or nothing.
    ByFile,
}

impl Mood {
    fn any(dice: &mut Dice) -> Mood {
        match dice.below(10) {
            0 => Mood::All,
            1 => Mood::None,
            2 => Mood::Prefix,
            3 => Mood::Suffix,
            4 => Mood::OneMissing,
            5 => Mood::OneKept,
            6 => Mood::ByFile,
            7 => Mood::Mixed(7),
            8 => Mood::Mixed(1),
            _ => Mood::Mixed(4),
        }
    }
}

/// One of the states in which an outage can leave `state`.
pub fn outage(state: &State, dice: &mut Dice) -> (State, Losses) {
    match dice.below(8) {
        0 => outage_in(state, Mood::All, Mood::All, Mood::All, dice),
        1 => outage_in(state, Mood::None, Mood::None, Mood::None, dice),
        // The content alone, which is the most of it.
        2 | 3 => outage_in(state, Mood::any(dice), Mood::All, Mood::All, dice),
        _ => {
            let moods = [0; 3].map(|_| Mood::any(dice));
            outage_in(state, moods[0], moods[1], moods[2], dice)
        }
    }
}

/// The same with the moods given: of sectors, of lengths, of names.
pub fn outage_in(state: &State, sectors: Mood, lengths: Mood, names: Mood, dice: &mut Dice) -> (State, Losses) {
    let mut losses = Losses::default();
    let names = names_left(state, names, dice, &mut losses);
    let chosen = sectors_left(state, sectors, dice, &mut losses);
    let mut left = State { boot: state.boot + 1, ..State::default() };
    for (number, (name, inode)) in (0..).zip(&names) {
        let content = content_left(&state.inodes[inode], chosen.get(inode), lengths, dice, &mut losses);
        left.inodes.insert(number, Arc::new(Inode::settled(content)));
        left.names.insert(name.clone(), number);
    }
    left.names_on_disk = left.names.clone();
    (left, losses)
}

fn names_left(state: &State, mood: Mood, dice: &mut Dice, losses: &mut Losses) -> BTreeMap<Arc<str>, u64> {
    let mut names = state.names_on_disk.clone();
    let count = state.name_changes.len();
    let keep = keepers(count, mood, dice, |_| 0);
    for (change, keep) in state.name_changes.iter().zip(keep) {
        losses.unsure = true;
        if !keep {
            losses.name = true;
            continue;
        }
        match change {
            NameChange::Created { name, inode } => {
                names.insert(name.clone(), *inode);
            }
            // In one step, whether the old name was ever on the disk or not.
            NameChange::Renamed { from, to, inode } => {
                if names.get(from) == Some(inode) {
                    names.remove(from);
                }
                names.insert(to.clone(), *inode);
            }
            NameChange::Removed { name } => {
                names.remove(name);
            }
        }
    }
    names
}

/// For each of `count` things in order: whether it is kept. `file` tells whose they are.
fn keepers(count: usize, mood: Mood, dice: &mut Dice, file: impl Fn(usize) -> u64) -> Vec<bool> {
    if count == 0 {
        return Vec::new();
    }
    let edge = dice.below(count + 1);
    let one = dice.below(count);
    let salt = dice.roll();
    (0..count)
        .map(|at| match mood {
            Mood::All => true,
            Mood::None => false,
            Mood::Prefix => at < edge,
            Mood::Suffix => at >= edge,
            Mood::OneMissing => at != one,
            Mood::OneKept => at == one,
            Mood::Mixed(eighths) => dice.below(8) < eighths as usize,
            Mood::ByFile => Dice::new(salt, file(at)).one_in(2),
        })
        .collect()
}

/// How many of the versions of each unsure sector came to the disk, by inode and sector.
type Chosen = BTreeMap<u64, BTreeMap<u64, usize>>;

fn sectors_left(state: &State, mood: Mood, dice: &mut Dice, losses: &mut Losses) -> Chosen {
    // In the order in which they were written last.
    let mut unsure: Vec<(u64, u64, u64)> = Vec::new();
    for (number, inode) in &state.inodes {
        for (sector, versions) in &inode.unsure {
            unsure.push((versions.versions.last().map_or(0, |(call, _)| *call), *number, *sector));
        }
    }
    unsure.sort_unstable();
    let keep = keepers(unsure.len(), mood, dice, |at| unsure[at].1);
    let mut chosen = Chosen::new();
    // For each call: of its sectors, how many are as it wrote them or newer, and how many are there.
    let mut calls: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
    for ((_, inode, sector), keep) in unsure.iter().zip(keep) {
        losses.unsure = true;
        let versions = &state.inodes[inode].unsure[sector].versions;
        let kept = match keep {
            true => versions.len(),
            // What is lost is mostly lost whole; a sector can also have come to the disk on the way.
            false if versions.len() > 1 && dice.one_in(2) => dice.below(versions.len()),
            false => 0,
        };
        for (at, (call, _)) in versions.iter().enumerate() {
            let (came, all) = calls.entry(*call).or_default();
            *came += usize::from(at < kept);
            *all += 1;
        }
        chosen.entry(*inode).or_default().insert(*sector, kept);
    }
    let mut lost_before = false;
    for (came, all) in calls.values() {
        losses.reordered |= lost_before && *came > 0;
        losses.torn |= *came > 0 && came < all;
        losses.dropped |= *came == 0;
        lost_before |= came < all;
    }
    chosen
}

/// What is left of a file.
fn content_left(
    inode: &Inode,
    chosen: Option<&BTreeMap<u64, usize>>,
    mood: Mood,
    dice: &mut Dice,
    losses: &mut Losses,
) -> Content {
    let len = match (mood, inode.lengths.as_slice()) {
        (Mood::All, _) | (_, []) => inode.seen.len(),
        (Mood::None, _) => inode.platter.len(),
        (_, lengths) => match dice.below(lengths.len() + 1) {
            0 => inode.platter.len(),
            one => lengths[one - 1].1,
        },
    };
    if len != inode.seen.len() {
        losses.length = true;
    }
    let mut content = inode.platter.clone();
    let longest = inode.lengths.iter().map(|(_, len)| *len).max().unwrap_or(0).max(inode.seen.len());
    content.set_len(longest.max(content.len()).next_multiple_of(SECTOR as u64));
    for (sector, kept) in chosen.into_iter().flatten() {
        let versions = &inode.unsure[sector].versions;
        if let Some((_, bytes)) = kept.checked_sub(1).map(|at| &versions[at]) {
            content.put_sector(*sector, bytes);
        }
    }
    content.set_len(len);
    content
}
