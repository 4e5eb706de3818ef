//! Tables and columns of labels, as wide as the terminal.
//!
//! In scope: where words stand. Out of scope: the words. Invariants: one form of each, for all commands; no word is
//! broken; what no terminal shows, or none so narrow, is not broken into lines, so that a script finds rows whole.

use std::io;

use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Row, Table, Width};
use terminal_size::terminal_size_of;

use crate::office::drafts::Line;

/// A table without frames, as wide as the terminal.
pub(super) fn table(header: &[&str], rows: impl IntoIterator<Item = impl Into<Row>>) -> String {
    table_within(width(), header, rows)
}

fn table_within(
    width: Option<u16>,
    header: &[&str],
    rows: impl IntoIterator<Item = impl Into<Row>>,
) -> String {
    let mut table = plain();
    table.set_header(header.iter().map(ToString::to_string).collect::<Vec<_>>());
    for row in rows {
        table.add_row(row);
    }
    text(table, width)
}

/// A text of several words that is not broken in a table: an id.
pub(super) fn whole(text: impl Iterator<Item = char>) -> String {
    text.map(|char| if char == ' ' { UNBROKEN } else { char }).collect()
}

/// What stands for a space until all has its place.
const UNBROKEN: char = '\u{a0}';

/// Labels and their values in two columns.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<(String, String)>);

impl Lines {
    /// A statement in words: each line with its label.
    pub(super) fn of(all: impl IntoIterator<Item = Line>) -> Self {
        Self(all.into_iter().map(|line| (line.label, line.text)).collect())
    }

    /// One more; a label that repeats is said once.
    pub(super) fn line(&mut self, label: &str, value: impl Into<String>) {
        let before = self.0.iter().rev().map(|(label, _)| label).find(|label| !label.is_empty());
        let label = if before.is_some_and(|before| before == label) { "" } else { label };
        self.0.push((label.to_owned(), value.into()));
    }

    /// All of them, as wide as the terminal.
    pub(super) fn text(&self) -> String {
        self.within(width())
    }

    fn within(&self, width: Option<u16>) -> String {
        let mut table = plain();
        table.add_rows(self.0.iter().map(|(label, value)| [label, value]));
        if let Some(labels) = table.column_mut(0) {
            labels.set_constraint(ColumnConstraint::ContentWidth);
        }
        text(table, width) + "\n"
    }
}

/// Columns of a terminal, if one shows what is printed.
fn width() -> Option<u16> {
    terminal_size_of(io::stdout()).map(|(width, _)| width.0)
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table
}

fn text(mut table: Table, width: Option<u16>) -> String {
    // What stands on both sides of all cells is taken away.
    let width = width
        .map(|columns| columns.saturating_add(PADDING))
        .filter(|columns| hold_words(&mut table, *columns));
    if let Some(columns) = width {
        table.set_width(columns);
    }
    let text = table.to_string().replace(UNBROKEN, " ");
    let lines = text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n")
}

/// Makes each column as wide as its longest word, if all fit.
fn hold_words(table: &mut Table, columns: u16) -> bool {
    let cells = |column: usize| table.column_cells_with_header_iter(column);
    let longest = |column| {
        let texts = cells(column).flatten().map(|cell| cell.content());
        let words =
            texts.map(|text| text.split([' ', '\n']).map(|word| word.chars().count()).max());
        words.flatten().max().unwrap_or(0)
    };
    let least = (0..table.column_iter().count()).map(|at| longest(at) + usize::from(PADDING));
    let least: Vec<usize> = least.collect();
    if least.iter().sum::<usize>() > usize::from(columns) {
        return false;
    }
    for (column, width) in table.column_iter_mut().zip(&least) {
        if column.constraint().is_none() {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(*width as u16)));
        }
    }
    true
}

/// On both sides of a cell.
const PADDING: u16 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_columns_and_no_frames() {
        let rows = [["a", "b"], ["ccc", ""]];
        assert_eq!(table_within(None, &["X", "Y"], rows), "X    Y\na    b\nccc");
    }

    #[test]
    fn a_table_is_no_wider_than_the_terminal_and_whole_without_one() {
        let rows = [["pt/cncs/duty-1", "Scanning from your networks since noon"]];
        let narrow = "FROM            TITLE\n\
                      pt/cncs/duty-1  Scanning from your\n                \
                      networks since noon";
        assert_eq!(table_within(Some(36), &["FROM", "TITLE"], rows), narrow);
        let wide = table_within(None, &["FROM", "TITLE"], rows);
        assert!(wide.ends_with("Scanning from your networks since noon"), "{wide}");
        // Where not even its words fit, it is not broken.
        assert_eq!(table_within(Some(20), &["FROM", "TITLE"], rows), wide);
        // Others choose how long a word is.
        let long = [["x".repeat(65_535), "x".repeat(65_535)]];
        let whole = table_within(Some(80), &["FROM", "TITLE"], long.clone());
        assert_eq!(whole, table_within(None, &["FROM", "TITLE"], long));
    }

    #[test]
    fn an_id_is_not_broken() {
        let rows = [[whole("8d8c c271".chars()), "it is in force since then".to_owned()]];
        let narrow =
            "ID         STATE\n8d8c c271  it is in\n           force since\n           then";
        assert_eq!(table_within(Some(22), &["ID", "STATE"], rows), narrow);
    }

    #[test]
    fn a_label_that_repeats_is_said_once() {
        let mut lines = Lines::default();
        lines.line("telephone", "+33 1");
        lines.line("telephone", "+33 2");
        lines.line("web", "a\nb");
        lines.line("  signed by", "8d8c c271 064f");
        let text = "telephone    +33 1\n             +33 2\nweb          a\n             b\n";
        assert_eq!(lines.within(None), format!("{text}  signed by  8d8c c271 064f\n"));
        let broken = "  signed by  8d8c c271\n             064f\n";
        assert_eq!(lines.within(Some(24)), format!("{text}{broken}"));
    }
}
