//! `liaison inbox list --follow`: prints what comes.
//!
//! In scope: each line once, and an object for programs. Out of scope: staying (`office::stay`).

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::json;

use crate::office::error::ClientError;
use crate::office::inbox::Gone;
use crate::office::stay::Arrival;
use crate::words;

use super::super::Context;
use super::{GONE_NOT_KEPT, gone_json, listed};

/// Stays, and prints what comes, until the service refuses, or something is wrong on this side.
pub(super) async fn stay(ctx: &Context, muted: bool) -> Result<(), ClientError> {
    let mut said = Said::default();
    let heard = |arrival| {
        hears(ctx, &mut said, arrival);
        ctx.out.written()
    };
    match ctx.office.stay(muted, heard).await {
        Err(why) => Err(why),
    }
}

fn hears(ctx: &Context, said: &mut Said, arrival: Arrival) {
    match arrival {
        Arrival::Waiting(contact) => {
            ctx.out.say(format_args!("waiting for messages to {contact}"));
        }
        Arrival::Came(row) => say(ctx, said, &listed::object(&row), listed::cells(&ctx.out, &row)),
        Arrival::Doubted(row) => {
            say(ctx, said, &listed::doubted_object(&row), listed::doubted(&row));
        }
        Arrival::Gone(gone) => say_gone(ctx, gone),
        Arrival::GoneNotKept(why) => ctx.out.not_kept(GONE_NOT_KEPT, &why),
        Arrival::Note(note) if said.is_new(&words::note(&note)) => ctx.office.tell(*note),
        Arrival::Note(_) => {}
        Arrival::NotAgain(why) => ctx.out.say(why),
        Arrival::NotConnected { since, why } => say_lost(ctx, since, &why),
        Arrival::Connected { since, at } => say_back(ctx, since, at),
    }
}

/// What was gone before it was collected.
fn say_gone(ctx: &Context, gone: Vec<Gone>) {
    let (lost, expired): (Vec<_>, Vec<_>) = gone.into_iter().partition(|it| it.lost.is_some());
    for (event, some) in [("expired", expired), ("lost", lost)] {
        if !some.is_empty() {
            let entries = gone_json(&some).concat();
            let object = json!({ "event": event, "entries": entries });
            ctx.out.event(&object, words::gone(&some).join("\n"));
        }
    }
}

/// Says a row, once.
fn say(ctx: &Context, said: &mut Said, row: &impl Serialize, cells: Vec<String>) {
    let line = cells.join("  ");
    if said.is_new(&line) {
        ctx.out.data(row, || line);
    }
}

fn say_lost(ctx: &Context, since: u64, why: &ClientError) {
    let object = json!({
        "event": "not_connected",
        "since": since,
        "side": why.side.to_string(),
        "reason": why.reason,
        "sentence": why.sentence,
    });
    let (at, side) = (words::when(since), why.side);
    ctx.out.event(&object, format_args!("no connection since {at}: {why} [{side}]; trying again"));
}

fn say_back(ctx: &Context, since: u64, at: u64) {
    let object = json!({ "event": "connected", "at": at, "not_connected_since": since });
    let (from, to) = (words::when(since), words::when(at));
    ctx.out.event(&object, format_args!("connected again: no connection from {from} to {to}"));
}

/// What was said, so that it is not said again: of the last few thousand lines, for who stays for years.
#[derive(Default)]
struct Said {
    lately: BTreeSet<String>,
    before: BTreeSet<String>,
}

impl Said {
    /// Notes a line; tells whether it was not said before. What is said again and again stays.
    fn is_new(&mut self, line: &str) -> bool {
        if self.lately.contains(line) {
            return false;
        }
        let is_new = !self.before.contains(line);
        if self.lately.len() == LINES {
            self.before = std::mem::take(&mut self.lately);
        }
        self.lately.insert(line.to_owned());
        is_new
    }
}

/// Lines that are remembered at least.
const LINES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_forgotten_after_thousands_and_not_what_is_said_again_and_again() {
        let mut said = Said::default();
        for line in 0..10 * LINES {
            assert!(said.is_new(&line.to_string()));
            assert_eq!(said.is_new("it waits"), line == 0);
            assert!(!said.is_new(&line.saturating_sub(LINES / 4).to_string()));
        }
        assert!(said.lately.len() + said.before.len() <= 2 * LINES);
    }
}
