//! Plain tables: the first column to the left, numbers to the right.

use comfy_table::{CellAlignment, Table, presets};

/// In place of a figure of which there is nothing to take.
pub(super) const NOTHING: &str = "-";

/// A figure with so many digits.
pub(super) fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| NOTHING.into(), |value| format!("{value:.digits$}"))
}

/// A share in percent.
pub(super) fn share(value: Option<f64>) -> String {
    value.map_or_else(|| NOTHING.into(), |share| format!("{:.1} %", 100.0 * share))
}

/// A table of texts without borders; columns whose cells are all numbers are aligned to the right.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    let numeric = |text: &String| {
        let text = text.trim_end_matches(['*', '%', ' ']);
        text.is_empty() || text == NOTHING || text.parse::<f64>().is_ok()
    };
    for column in 0..header.len() {
        let all_numbers = rows.iter().filter_map(|row| row.get(column)).all(numeric);
        if let Some(column) = table.column_mut(column).filter(|_| all_numbers) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.add_rows(rows);
    table.trim_fmt()
}

/// The same as Markdown: the first `texts` columns to the left, the others to the right; what is marked
/// with a star becomes bold.
pub fn markdown(header: &[&str], texts: usize, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(header.iter().map(ToString::to_string).collect());
    let align = (0..header.len()).map(|column| if column < texts { "---" } else { "---:" });
    text += &line(align.map(String::from).collect());
    let cell = |cell: String| match cell.trim_end().strip_suffix(" *") {
        Some(best) => format!("**{best}**"),
        None => cell.trim_end().to_string(),
    };
    for row in rows {
        text += &line(row.into_iter().map(cell).collect());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_in_a_name_ends_no_cell_of_markdown() {
        let text = markdown(&["name", "x"], 1, [vec!["a|b".into(), "1".into()]]);
        assert_eq!(text, "| name | x |\n| --- | ---: |\n| a\\|b | 1 |\n");
    }
}
