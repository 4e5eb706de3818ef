//! What a command prints: data on stdout, everything else on stderr.
//!
//! Invariants: with `--json`, stdout is one JSON object, in English; colour only on a terminal and without
//! `NO_COLOR`; text that others wrote is made visible before it reaches a terminal.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::sync::{Arc, OnceLock};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use crate::office::asked::Question;
use crate::office::error::{ClientError, Family, Here, Mend, Side};
use crate::office::told::{Face, Note, Watch, Work};
use crate::words::{self, Language, visible_block};

use super::args::Global;
use super::exit;
use super::suggested::Typed;

/// How to print.
#[derive(Clone, Debug)]
pub struct Output {
    json: bool,
    colour: bool,
    asks: bool,
    language: Language,
    typed: Typed,
    listener: Option<UnboundedSender<String>>,
    /// Why something could not be printed, the first time.
    lost: Arc<OnceLock<io::Error>>,
    /// Why nothing can be written here, once that was found.
    disk: Arc<OnceLock<Value>>,
}

impl Output {
    /// As the flags and the terminal say.
    #[must_use]
    pub fn new(json: bool, no_input: bool) -> Self {
        let colour = std::env::var_os("NO_COLOR").is_none() && io::stderr().is_terminal();
        let asks = !no_input && !json && io::stdin().is_terminal();
        let language = asked_language().ok().flatten().unwrap_or_default();
        let (typed, listener, lost, disk) = Default::default();
        Self { json, colour, asks, language, typed, listener, lost, disk }
    }

    /// As the flags and the terminal say, for commands that go on where this one was typed.
    #[must_use]
    pub fn as_typed(global: &Global) -> Self {
        Self { typed: Typed::of(global), ..Self::new(global.json, global.no_input) }
    }

    /// The same, with data for a listener, a text each, and not for stdout.
    #[must_use]
    pub fn told_to(self, listener: UnboundedSender<String>) -> Self {
        Self { listener: Some(listener), ..self }
    }

    /// The same, in this language.
    #[must_use]
    pub fn in_language(self, language: Language) -> Self {
        Self { language, ..self }
    }

    /// The language of what is said for people besides data.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }

    /// Says so if a language was asked for that there is not.
    pub fn warn_of_language(&self) {
        if let Err(asked) = asked_language() {
            let tags = Language::ALL.map(Language::tag).join(", ");
            self.warn(format_args!(
                "{LANGUAGE}: there is no {asked:?}, only {tags}; this is English"
            ));
        }
    }

    /// Whether stdout is for a program.
    #[must_use]
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether somebody is there to answer.
    #[must_use]
    pub const fn asks(&self) -> bool {
        self.asks
    }

    /// The result of a command: an object for programs, or `text` for people.
    pub fn data(&self, object: &impl Serialize, text: impl FnOnce() -> String) {
        let text = if self.json {
            let object = serde_json::to_value(object).map(|object| self.with_disk(object));
            object
                .map_or_else(|why| format!("{{\"error\":\"{why}\"}}"), |object| object.to_string())
        } else {
            // JSON escapes by itself.
            visible_block(&text())
        };
        self.print(text.trim_end());
    }

    /// As [`Output::data`], of a screen that suggests commands, on which nothing stands that people wrote.
    pub fn suggesting(&self, object: &impl Serialize, text: impl FnOnce() -> String) {
        self.data(object, || self.suggested(text()));
    }

    /// What was found, and how the command ends: for programs one object, with the error in it.
    ///
    /// # Errors
    /// The one given.
    pub fn data_and_end(
        &self,
        mut object: Value,
        end: Result<(), ClientError>,
        text: impl FnOnce() -> String,
    ) -> Result<(), ClientError> {
        if let (Some(fields), Err(error)) = (object.as_object_mut(), &end) {
            fields.insert("error".to_owned(), self.error_json(error));
        }
        self.data(&object, text);
        end.map_err(ClientError::after_its_object)
    }

    /// What a command that reads would write, and cannot: said in one line, once, and in its object.
    pub fn not_kept(&self, what: &str, error: &ClientError) {
        if self.note_disk(error) {
            self.warn(self.language.not_kept(what, error));
        }
    }

    /// A suggestion, as it is to be typed here.
    #[must_use]
    pub fn suggested(&self, text: impl Display) -> String {
        self.typed.in_commands(&text.to_string())
    }

    /// What is to be done, as it is to be typed here, unless somebody else does it, in a home of his own.
    #[must_use]
    pub fn to_do(&self, mend: &Mend) -> String {
        self.at_home(mend, words::to_do(mend))
    }

    fn at_home(&self, mend: &Mend, said: String) -> String {
        if mend.is_for_others() { said } else { self.suggested(said) }
    }

    /// Puts into the object that follows why nothing can be written here. Whether that is new.
    pub fn note_disk(&self, error: &ClientError) -> bool {
        let (reason, sentence) = (&error.reason, &error.sentence);
        let mend = error.mend.as_deref().map(|mend| self.to_do(mend));
        let details = &error.details;
        let disk =
            json!({ "reason": reason, "sentence": sentence, "mend": mend, "details": details });
        self.disk.set(disk).is_ok()
    }

    fn with_disk(&self, mut object: Value) -> Value {
        if let (Some(fields), Some(disk)) = (object.as_object_mut(), self.disk.get()) {
            fields.insert("disk".to_owned(), disk.clone());
        }
        object
    }

    fn print(&self, text: &str) {
        let printed = match &self.listener {
            Some(listener) => {
                listener.send(text.to_owned()).map_err(|_| ErrorKind::BrokenPipe.into())
            }
            None => write_line(&mut io::stdout().lock(), text),
        };
        if let Err(why) = printed {
            let _ = self.lost.set(why);
        }
    }

    /// All that was printed has reached whoever reads it, as far as the system says.
    ///
    /// # Errors
    /// Something could not be written: a command then does nothing more that rests on its being read.
    pub fn written(&self) -> Result<(), ClientError> {
        let Some(why) = self.lost.get() else { return Ok(()) };
        let reason = match why.kind() {
            ErrorKind::BrokenPipe => Here::NoReader,
            _ => Here::NotWritten,
        };
        let sentence = format!("what was to be printed could not be written: {why}");
        Err(ClientError::new(Side::Ours, Family::Unexpected, reason, sentence).after_its_object())
    }

    /// Something that happens while a command stays: an object for programs, a line for people.
    pub fn event(&self, object: &impl Serialize, line: impl Display) {
        if self.json {
            self.data(object, String::new);
        }
        self.say(line);
    }

    /// A line for people about what happens.
    pub fn say(&self, line: impl Display) {
        self.put("", line);
    }

    /// What the service said may be in a line, so nothing in it reaches the terminal as a command.
    fn put(&self, mark: &str, line: impl Display) {
        let _ = writeln!(io::stderr().lock(), "{mark}{}", visible_block(&line.to_string()));
    }

    /// A line for people with a command that is to be typed here.
    pub fn suggest(&self, line: impl Display) {
        self.say(self.suggested(line));
    }

    /// A line that must not be missed.
    pub fn warn(&self, line: impl Display) {
        self.put(&self.mark("33", self.language.marks().warning), line);
    }

    /// An error: whose side, what, and the command that mends it. Where the
    /// data was printed before it, stdout has its one object.
    pub fn error(&self, error: &ClientError) {
        if self.json && error.family != Family::Partial && !error.printed {
            self.print(&json!({ "error": self.error_json(error) }).to_string());
        }
        let (language, marks) = (self.language, self.language.marks());
        self.put(&self.mark("31", marks.error), language.sentence(error));
        self.say(format_args!("  {} ({})", language.side(error.side), error.reason));
        if let Some(mend) = error.what_mends() {
            let said = self.at_home(&mend, language.to_do(&mend));
            self.say(format_args!("  {}{said}", marks.mend));
        }
    }

    /// An error for programs.
    fn error_json(&self, error: &ClientError) -> Value {
        let error = words::spelled(error);
        json!({
            "side": error.side.to_string(),
            "reason": error.reason,
            "sentence": error.sentence,
            "mend": error.mend.as_deref().map(|mend| self.to_do(mend)),
            "details": error.details,
            "exit": exit::code(error.family),
        })
    }

    /// Asks for a line; nothing if nobody is there.
    #[must_use]
    pub fn ask(&self, question: &str) -> Option<String> {
        if !self.asks {
            return None;
        }
        let mut err = io::stderr().lock();
        let _ = write!(err, "{question} ");
        let _ = err.flush();
        let mut line = String::new();
        io::stdin().read_line(&mut line).ok()?;
        let line = line.trim();
        (!line.is_empty()).then(|| line.to_owned())
    }

    /// Whether somebody is there and says yes.
    #[must_use]
    pub fn agreed(&self, question: &str) -> bool {
        self.ask(question).is_some_and(|answer| self.language.is_yes(&answer))
    }

    fn mark(&self, code: &str, word: &str) -> String {
        if self.colour { format!("\x1b[{code};1m{word}\x1b[0m") } else { word.to_owned() }
    }
}

impl Face for Output {
    fn hears(&self, note: Note) {
        match &note {
            Note::NotKept(what, why) => self.not_kept(self.language.unkept(*what), why),
            note if note.warns() => self.warn(self.suggested(self.language.note(note))),
            note => self.say(self.suggested(self.language.note(note))),
        }
    }

    fn agrees(&self, question: &Question<'_>) -> bool {
        if !self.asks {
            return false;
        }
        match question {
            Question::ToTheOthers(why) => self.say(self.language.sentence(why)),
            // It was told just before.
            Question::Widens => {}
        }
        self.agreed(self.language.question(question))
    }

    fn watches(&self) -> Box<dyn Watch> {
        Box::new(Bar::new(self))
    }
}

impl Watch for Bar {
    fn shows(&mut self, work: Work, done: u64, of: u64) {
        self.show(self.language.work(work), done, of);
    }
}

/// Where nobody flushes, a program that ends well may have lost its last lines.
fn write_line(to: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(to, "{text}")?;
    to.flush()
}

/// The language that the environment asks for, if it asks for one.
///
/// # Errors
/// One that there is not.
fn asked_language() -> Result<Option<Language>, String> {
    let Some(asked) = std::env::var_os(LANGUAGE).filter(|asked| !asked.is_empty()) else {
        return Ok(None);
    };
    let asked = asked.to_string_lossy();
    Language::read(&asked).map(Some).ok_or_else(|| asked.into_owned())
}

/// Not `LANG`: tables and questions are in English, and nobody asked for screens of two languages.
const LANGUAGE: &str = "LIAISON_LANG";

/// How far long work is, on a terminal; when it is dropped, it leaves no trace.
pub(super) struct Bar {
    terminal: bool,
    language: Language,
    shown: Option<(&'static str, ProgressBar)>,
}

impl Bar {
    /// Shows nothing until some of it is done.
    #[must_use]
    pub(super) fn new(out: &Output) -> Self {
        let terminal = io::stderr().is_terminal() && !out.is_json();
        Self { terminal, language: out.language, shown: None }
    }

    /// So much of it is done. What is done at once is not shown.
    pub(super) fn show(&mut self, what: &'static str, have: u64, of: u64) {
        match &self.shown {
            Some((before, bar)) if *before == what => bar.set_position(have),
            _ if self.terminal && of.saturating_sub(have) > AT_ONCE => {
                self.shown = Some((what, bar(self.language, what, have, of)));
            }
            _ => self.shown = None,
        }
    }
}

/// With the rate and the time that is left.
fn bar(language: Language, what: &'static str, have: u64, of: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(of), ProgressDrawTarget::hidden());
    let bar = bar.with_message(what).with_position(have);
    let left = language.left();
    let template = format!("{{msg}} {{wide_bar}} {{pos}}/{{len}}, {{per_sec:1}}, {left}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    // What was there before took none of its time, and is counted unseen.
    bar.tick();
    bar.reset_eta();
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar
}

/// So many are done before anybody asks how long it takes.
const AT_ONCE: u64 = 1_000;

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::cli::args::Cli;
    use crate::office::told::Unkept;

    #[test]
    fn nothing_that_is_printed_reaches_a_terminal_as_a_command() {
        let text = "who\n\u{1b}[2Jälice\t\u{9b}1m\u{202e}\n";
        for (json, printed_as) in [
            (false, "who\n\\u{1b}[2Jälice\t\\u{9b}1m\\u{202e}".to_owned()),
            (true, json!({ "who": text }).to_string()),
        ] {
            let (listener, mut printed) = unbounded_channel();
            let out = Output::new(json, true).told_to(listener);
            out.data(&json!({ "who": text }), || text.to_owned());
            assert_eq!(printed.try_recv().unwrap(), printed_as);
        }
    }

    #[test]
    fn what_ends_with_an_error_and_has_data_prints_one_object() {
        let (listener, mut printed) = unbounded_channel();
        let out = Output::new(true, true).told_to(listener);
        let failed = ClientError::new(Side::Theirs, Family::VerificationFailed, "WHY", "so it is");
        let ended = out.data_and_end(json!({ "messages": [] }), Err(failed), String::new);
        out.error(&ended.unwrap_err());
        let object: Value = serde_json::from_str(&printed.try_recv().unwrap()).unwrap();
        assert_eq!((&object["messages"], &object["error"]["reason"]), (&json!([]), &json!("WHY")));
        assert!(printed.try_recv().is_err(), "one");
        out.data_and_end(json!({ "messages": [] }), Ok(()), String::new).unwrap();
        assert_eq!(printed.try_recv().unwrap(), r#"{"messages":[]}"#);
    }

    #[test]
    fn what_cannot_be_written_is_said_and_who_reads_no_more_is_told_from_a_full_disk() {
        let out = Output::new(false, true);
        assert_eq!(out.written(), Ok(()));
        let (listener, printed) = unbounded_channel();
        let out = out.told_to(listener);
        drop(printed);
        out.data(&json!({}), || "for nobody".to_owned());
        assert_eq!(out.written().unwrap_err().reason, Here::NoReader);
        let full = Output::new(false, true);
        full.lost.set(ErrorKind::StorageFull.into()).unwrap();
        // A clone is the same output.
        let error = full.clone().written().unwrap_err();
        assert_eq!((error.reason, error.family), (Here::NotWritten.into(), Family::Unexpected));
        assert!(error.printed, "no object can be printed there");
    }

    #[test]
    fn a_line_is_written_whole_or_its_loss_is_known() {
        let mut room = [0; 6];
        write_line(&mut &mut room[..], "whole").unwrap();
        assert_eq!(&room, b"whole\n");
        assert!(write_line(&mut &mut [0; 5][..], "whole").is_err());
        struct Late;
        impl Write for Late {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Err(ErrorKind::StorageFull.into())
            }
        }
        assert!(write_line(&mut Late, "whole").is_err(), "what is flushed too late is lost");
    }

    /// Whoever pastes it acts where it was said, and nobody pastes it into the home of somebody else.
    #[test]
    fn what_mends_is_typed_in_the_home_where_it_was_said() {
        let cli = ["liaison", "--json", "--home", "at", "sync"];
        let out = Output::as_typed(&Cli::try_parse_from(cli).unwrap().global);
        let (listener, mut printed) = unbounded_channel();
        let out = out.told_to(listener);
        let failed = |mend| {
            let error = ClientError::new(Side::Ours, Family::Stale, Here::NeverSynced, "so it is");
            error.mended_by(mend)
        };
        let carol = vec![(1, vec!["carol".to_owned()])];
        for (mend, said) in [
            (Mend::Sync, "liaison --home at sync"),
            (Mend::ApproveBy("7".to_owned(), carol), "liaison admin approve 7, by 1 of carol"),
        ] {
            out.error(&failed(mend));
            let object: Value = serde_json::from_str(&printed.try_recv().unwrap()).unwrap();
            assert_eq!(object["error"]["mend"], said);
        }
        out.hears(Note::NotKept(Unkept::Index, failed(Mend::Sync)));
        out.suggesting(&json!({}), String::new);
        let object: Value = serde_json::from_str(&printed.try_recv().unwrap()).unwrap();
        assert_eq!(object["disk"]["mend"], "liaison --home at sync");
    }

    #[test]
    fn nothing_goes_to_the_others_while_nobody_is_there_to_say_so() {
        let full =
            ClientError::new(Side::Recipient, Family::Refused, Here::DealtWith, "it is full");
        assert!(!Output::new(false, true).agrees(&Question::ToTheOthers(&full)));
    }

    /// Scripts read it, wherever they run.
    #[test]
    fn what_a_program_reads_is_english_in_any_language() {
        let (listener, mut printed) = unbounded_channel();
        let out = Output::new(true, true).in_language(Language::Fr).told_to(listener);
        let full = ClientError::new(Side::Ours, Family::Unexpected, Here::DiskFull, "it is full");
        let error = full.mended_by(Mend::AgainLater);
        out.hears(Note::NotKept(Unkept::Index, error.clone()));
        out.error(&error);
        out.data(&json!({}), String::new);
        let mut object = || serde_json::from_str::<Value>(&printed.try_recv().unwrap()).unwrap();
        let (said, kept) = (object(), object());
        for of in [&said["error"], &kept["disk"]] {
            assert_eq!(of["sentence"], "it is full");
            assert_eq!(of["mend"], "give the command again in a while");
        }
        assert_eq!(said["error"]["side"], "this side");
    }

    #[test]
    fn what_could_not_be_kept_is_in_the_object_that_follows() {
        let (listener, mut printed) = unbounded_channel();
        let out = Output::new(true, true).told_to(listener);
        let full = ClientError::new(Side::Ours, Family::Unexpected, Here::DiskFull, "it is full");
        out.hears(Note::NotKept(Unkept::Index, full));
        out.data(&json!({ "messages": [] }), String::new);
        let object: Value = serde_json::from_str(&printed.try_recv().unwrap()).unwrap();
        assert_eq!(object["disk"]["reason"], "DISK_FULL");
        assert_eq!(object["disk"]["sentence"], "it is full");
    }
}
