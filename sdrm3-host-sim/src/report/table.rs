//! Plain tables: the first column to the left, numbers to the right.

use comfy_table::{CellAlignment, Table, presets};

/// A table of texts without borders; columns whose cells are all numbers are aligned to the right.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    let numeric = |text: &String| {
        let text = text.trim_end_matches(['*', '%', ' ']);
        text.is_empty() || text.parse::<f64>().is_ok()
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
