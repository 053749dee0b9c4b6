//! One story for each bug that can be planted: told with the bug, it must end badly, and well without.

mod flushing;
mod lessons;
mod modes;
mod reading_back;
mod syncing;

use crate::campaign::{self, Extent};
use crate::coverage::Coverage;
use crate::promise::{Outcome, broken};
use runestore::simulation::Bug;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A story, and the bug that would spoil it.
struct Scenario {
    name: &'static str,
    bug: Bug,
    tell: fn(u64, Option<Bug>) -> Outcome,
}

impl Scenario {
    fn tell(&self, seed: u64, bug: Option<Bug>) -> Outcome {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.tell)(seed, bug)));
        outcome.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            broken("panic", text.unwrap_or("without a text"))
        })
    }

    /// All seeds without the bug, and with it as many as it takes.
    fn test(&self) {
        for seed in SEEDS {
            self.tell(seed, None).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        }
        let caught = SEEDS.into_iter().find_map(|seed| self.tell(seed, Some(self.bug)).err());
        assert!(caught.is_some(), "{:?} was planted, and nothing was noticed", self.bug);
    }
}

const SEEDS: std::ops::RangeInclusive<u64> = 1..=10;

/// A test of each story, and a list of them all.
macro_rules! scenarios {
    ($($module:ident::$name:ident => $bug:ident),+ $(,)?) => {
        const SCENARIOS: &[Scenario] =
            &[$(Scenario { name: stringify!($name), bug: Bug::$bug, tell: $module::$name }),+];

        mod stories {
            $(
                #[test]
                fn $name() {
                    let scenario = super::SCENARIOS.iter().find(|scenario| scenario.name == stringify!($name));
                    scenario.expect("it is in the list").test();
                }
            )+
        }
    };
}

scenarios! {
    syncing::what_is_acknowledged_outlives_a_power_cut => SkipSync,
    syncing::a_new_segments_name_outlives_a_power_cut => SkipDirectorySync,
    flushing::nothing_is_acknowledged_while_the_disk_still_syncs => AcknowledgeBeforeSync,
    syncing::nothing_is_read_while_the_disk_still_syncs => PublishBeforeSync,
    syncing::another_process_sees_nothing_that_a_power_cut_takes_back => WatermarkBeforeSync,
    syncing::a_sync_that_failed_is_never_believed_again => RetrySync,
    syncing::after_a_failed_sync_nothing_is_appended => NoPoison,
    syncing::a_tail_from_the_cache_alone_is_made_durable_before_it_is_read => KeepUnprovenTail,
    flushing::an_answer_waits_for_the_flush_that_it_rests_on => AnswerFromQueue,
    flushing::a_hole_in_what_nobody_acknowledged_is_a_torn_tail => HoleIsCorruption,
    flushing::a_flush_that_found_no_room_leaves_nothing_behind => KeepFailedFlush,
    reading_back::a_flipped_bit_is_never_returned_as_data => NoChecksum,
    reading_back::a_frame_whose_header_is_damaged_is_found => TrustLength,
    reading_back::a_frame_of_another_history_is_not_taken => IgnoreChain,
    reading_back::each_writer_has_an_epoch_of_its_own => ReuseEpoch,
    reading_back::a_log_that_ends_too_early_is_corrupt => TruncateBelowDurable,
    reading_back::a_log_that_goes_on_behind_the_damage_is_corrupt => NoProbe,
    reading_back::an_index_of_another_history_changes_no_answer => BelieveIndex,
}

#[test]
fn every_planted_bug_is_caught() {
    let mut missed = Vec::new();
    println!("{:<24}{:>6}  found by", "bug", "seed");
    for bug in Bug::ALL {
        let found = SEEDS.into_iter().find_map(|seed| {
            let told = SCENARIOS.iter().filter(|scenario| scenario.bug == bug);
            let by_story = told.filter_map(|scenario| Some((scenario.name, scenario.tell(seed, Some(bug)).err()?)));
            let stories: Vec<String> = by_story.map(|(name, found)| format!("{name} ({})", found.check)).collect();
            let extent = Extent { states: 300, bug: Some(bug) };
            let by_campaign = campaign::run(seed, extent, &mut Coverage::default()).err();
            let all: Vec<String> =
                by_campaign.map(|found| format!("campaign ({})", found.check)).into_iter().chain(stories).collect();
            (!all.is_empty()).then(|| (seed, all.join(", ")))
        });
        match found {
            Some((seed, by)) => println!("{:<24}{seed:>6}  {by}", format!("{bug:?}")),
            None => {
                println!("{:<24}{:>6}  nobody", format!("{bug:?}"), "none");
                missed.push(bug);
            }
        }
    }
    assert_eq!(missed, [] as [Bug; 0], "these were planted, and nothing was noticed");
}

#[test]
fn every_bug_has_a_story() {
    for bug in Bug::ALL {
        assert!(SCENARIOS.iter().any(|scenario| scenario.bug == bug), "{bug:?} has none");
    }
}
