//! The outcome as a table.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::Measurement;

/// Prints one row for each measurement, figures rounded to what they can bear.
///
/// # Errors
/// `out` fails.
pub fn print(measured: &[Measurement], out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header([
            "",
            "a second",
            "p50 ms",
            "p99 ms",
            "service us",
            "client us",
            "limit",
            "ratio",
            "bound by",
            "note",
        ]);
    for one in measured {
        let value = one.rate.map(rounded).or(one.bytes.map(sized));
        let ratio = one.ratio.map(|ratio| format!("{ratio:.2}"));
        let cells = [
            Some(one.name.clone()),
            value,
            one.p50_ms.map(milliseconds),
            one.p99_ms.map(milliseconds),
            one.service_us.map(rounded),
            one.client_us.map(rounded),
            one.limit.map(rounded),
            ratio,
            Some(one.bound.clone()),
            Some(one.note.clone()),
        ];
        table.add_row(cells.map(Option::unwrap_or_default));
    }
    for column in table.column_iter_mut().skip(1).take(7) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out, "{table}")
}

fn rounded(rate: f64) -> String {
    if rate >= 10_000.0 { format!("{:.1} k", rate / 1_000.0) } else { format!("{rate:.0}") }
}

fn sized(bytes: f64) -> String {
    if bytes >= 1e6 { format!("{:.1} MB", bytes / 1e6) } else { format!("{bytes:.0} B") }
}

fn milliseconds(value: f64) -> String {
    if value < 1.0 { format!("{value:.2}") } else { format!("{value:.1}") }
}
