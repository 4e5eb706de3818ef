//! What is left of a store when its process is killed, or when the power fails.
//!
//! In scope: every acknowledged write and deletion must be there afterwards, on sled and redb, and
//! the same trials must show a loss where a sync is left out. Out of scope: a device that lies
//! about its cache; the file system is cut off, not the disk under it.

mod image;
mod load;

use std::fs::File;
use std::io::{self, Write};
use std::process::Command;
use std::thread;
use std::time::Duration;

use liaison::store::Engine;

use self::image::{Image, Kind};
use self::load::{Load, Syncs};

pub(crate) use self::load::Random;

/// Leaves out the tests that need root and a loop device.
const WITHOUT_POWER_CUT: &str = "LIAISON_WITHOUT_POWER_CUT";

/// The process that is killed: this binary again, started by `Load::start`.
#[test]
#[ignore = "started by the other tests of this module, to be killed"]
fn child() {
    load::run_if_asked();
}

#[test]
fn sled_survives_kills() {
    survives_kills(Engine::Sled);
}

#[test]
fn redb_survives_kills() {
    survives_kills(Engine::Redb);
}

#[test]
fn sled_survives_power_cuts_on_ext4() {
    survives_power_cuts(Engine::Sled, Kind::Ext4);
}

#[test]
fn sled_survives_power_cuts_on_xfs() {
    survives_power_cuts(Engine::Sled, Kind::Xfs);
}

#[test]
fn redb_survives_power_cuts_on_ext4() {
    survives_power_cuts(Engine::Redb, Kind::Ext4);
}

#[test]
fn redb_survives_power_cuts_on_xfs() {
    survives_power_cuts(Engine::Redb, Kind::Xfs);
}

#[test]
fn a_power_cut_shows_that_sled_does_not_sync() {
    power_cuts_show(Engine::Sled, Syncs::LeftOut);
}

#[test]
fn a_power_cut_shows_that_redb_was_not_synced() {
    power_cuts_show(Engine::Redb, Syncs::LeftOut);
}

#[test]
fn a_power_cut_shows_that_sled_ran_under_eatmydata() {
    power_cuts_show(Engine::Sled, Syncs::Eaten);
}

#[test]
fn a_power_cut_shows_that_redb_ran_under_eatmydata() {
    power_cuts_show(Engine::Redb, Syncs::Eaten);
}

fn survives_kills(engine: Engine) {
    let dir = tempfile::tempdir().unwrap();
    let (seed, mut random) = Random::seeded();
    for round in 0..KILLS {
        let mut load = Load::start(engine, dir.path(), Syncs::Made);
        load.wait_for(random.below(300));
        let acked = load.kill();
        load::verify(engine, dir.path(), &acked)
            .unwrap_or_else(|lost| panic!("{engine}, seed {seed}, round {round}: {lost}"));
    }
}

/// Several cuts to one file system, then a new one, for as many trials as it takes.
fn survives_power_cuts(engine: Engine, kind: Kind) {
    let Some(_turn) = loop_device() else { return };
    let (seed, mut random) = Random::seeded();
    let mut acks = 0;
    for batch in 0..CUTS / CUTS_OF_ONE {
        let mut image = Image::make(kind);
        let mut acked = load::Acked::default();
        for trial in 0..CUTS_OF_ONE {
            let load = Load::start(engine, image.path(), Syncs::Made);
            acks += load.cut(&mut image, &mut random, &mut acked);
            image.remount();
            load::verify(engine, image.path(), &acked).unwrap_or_else(|lost| {
                panic!("{engine} on {kind:?}, seed {seed}, trial {batch}.{trial}: {lost}")
            });
        }
    }
    say(&format!("{engine} on {kind:?}: {CUTS} cuts, {acks} acks, nothing lost, seed {seed}"));
}

/// The control: where syncs are left out, a cut must be seen to lose what was acknowledged.
fn power_cuts_show(engine: Engine, syncs: Syncs) {
    let Some(_turn) = loop_device() else { return };
    let (seed, mut random) = Random::seeded();
    for trial in 1..=CONTROLS {
        let mut image = Image::make(Kind::Ext4);
        // The store itself is made durably: only commits are at stake.
        let mut durable = Load::start(engine, image.path(), Syncs::Made);
        durable.wait_for(20);
        let mut acked = durable.kill();
        let mut load = Load::start(engine, image.path(), syncs);
        load.wait_for(100);
        load.cut(&mut image, &mut random, &mut acked);
        image.remount();
        if let Err(lost) = load::verify(engine, image.path(), &acked) {
            return say(&format!("{engine}, {syncs:?}: lost in trial {trial}: {lost}"));
        }
    }
    panic!("{engine}, {syncs:?}, seed {seed}: {CONTROLS} cuts lost nothing, so they prove nothing");
}

impl Load {
    /// Cuts the power at a random point: while the store opens, or after some acks. What counts is
    /// what was acknowledged before the order to cut: an `fdatasync` that runs while xfs is being
    /// shut down may answer that all is well (seen on a plain file, in 1 of 40 cuts), which no
    /// power cut does.
    fn cut(mut self, image: &mut Image, random: &mut Random, acked: &mut load::Acked) -> u64 {
        if random.below(4) == 0 {
            // A random moment is what is wanted here, so there is no event to wait for.
            thread::sleep(Duration::from_micros(random.below(40_000)));
        } else {
            self.wait_for(random.below(120));
        }
        let before = self.acked_so_far();
        image.cut();
        self.kill();
        let count = before.count_since(acked);
        acked.extend(before);
        count
    }
}

/// The one loop device is used by one test at a time. Nothing, if the tests are left out.
fn loop_device() -> Option<File> {
    if std::env::var_os(WITHOUT_POWER_CUT).is_some() {
        say(&format!("left out, because {WITHOUT_POWER_CUT} is set"));
        return None;
    }
    let turn = File::create(std::env::temp_dir().join("liaison-power-cut.lock")).unwrap();
    turn.lock().unwrap();
    Some(turn)
}

/// Runs a tool of the system, or fails with the way to leave these tests out.
fn tool(command: &mut Command) {
    if let Err(why) = try_tool(command) {
        without(&why);
    }
}

fn without(why: &str) -> ! {
    panic!("{why}\nset {WITHOUT_POWER_CUT}=1 to leave the power cut out");
}

fn try_tool(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

pub(crate) fn say(line: &str) {
    io::stderr().lock().write_all(format!("{line}\n").as_bytes()).unwrap();
}

const KILLS: u32 = 10;
const CUTS: u32 = 24;
const CUTS_OF_ONE: u32 = 6;
const CONTROLS: u32 = 10;
