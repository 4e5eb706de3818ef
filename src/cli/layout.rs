//! Tables and columns of labels, as wide as the terminal.
//!
//! In scope: where words stand. Out of scope: the words. Invariant: one form of each, for all commands.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Row, Table};

/// A table without frames, as wide as the terminal.
pub(super) fn table(header: &[&str], rows: impl IntoIterator<Item = impl Into<Row>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(ToString::to_string).collect::<Vec<_>>());
    for row in rows {
        table.add_row(row);
    }
    let text = table.to_string();
    text.lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Labels and their values in two columns; a label that repeats is said once.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<(String, String)>);

impl Lines {
    /// One more.
    pub(super) fn line(&mut self, label: &str, value: impl Into<String>) {
        self.0.push((label.to_owned(), value.into()));
    }

    /// The text.
    pub(super) fn text(&self) -> String {
        let width = self.0.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
        let mut before = "";
        let mut text = String::new();
        for (label, value) in &self.0 {
            let shown = if label == before { "" } else { label };
            let pad = " ".repeat(width.saturating_sub(shown.chars().count()));
            let value = value.replace('\n', &format!("\n{}", " ".repeat(width + 2)));
            text.push_str(format!("{shown}{pad}  {value}").trim_end());
            text.push('\n');
            before = label;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_columns_and_no_frames() {
        let rows = [["a", "b"], ["ccc", ""]];
        assert_eq!(table(&["X", "Y"], rows), "X    Y\na    b\nccc");
    }

    #[test]
    fn a_label_that_repeats_is_said_once() {
        let mut lines = Lines::default();
        lines.line("telephone", "+33 1");
        lines.line("telephone", "+33 2");
        lines.line("web", "a\nb");
        assert_eq!(
            lines.text(),
            "telephone  +33 1\n           +33 2\nweb        a\n           b\n"
        );
    }
}
