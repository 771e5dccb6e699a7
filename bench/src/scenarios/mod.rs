//! What is measured, a file each.

pub mod batch;
pub mod deliveries;
pub mod first_byte;
pub mod front_desk;
pub mod ingest;
pub mod memory;
pub mod pacing;
pub mod reading;
pub mod single;

use bellhop_e2e::services::Pair;

use crate::cpu::Cpu;
use crate::load::Load;
use crate::raw::Figures;
use crate::report::cpu_table;
use crate::table::{Table, number};

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub quick: bool,
}

impl Size {
    /// The number, or a tenth of it.
    pub fn of(self, full: usize) -> usize {
        if self.quick { full.div_ceil(10) } else { full }
    }
}

/// What requests came to on one pair of backends, and what bare statements did there.
struct Asked {
    pair: Pair,
    load: Load,
    cpu: Cpu,
    raw: (Figures, Load),
}

impl Asked {
    fn name(&self) -> &'static str {
        match self.pair {
            Pair::Embedded => "SQLite, bellhop",
            Pair::Services => "PostgreSQL, api + worker",
        }
    }
}

fn print(title: &str, runs: &[Asked]) {
    let mut table = Table::new(title, &["", "operations", "/s", "p50 ms", "p99 ms", "of raw"]);
    let mut rows = Vec::new();
    for run in runs {
        let (figures, raw) = &run.raw;
        let share = format!("{:.0} %", 100.0 * run.load.per_second() / raw.per_second());
        for (name, load, share) in
            [(run.name().to_owned(), &run.load, share), (format!("{}, raw", run.name()), raw, "-".to_owned())]
        {
            let figures = [load.per_second(), load.percentile(0.5), load.percentile(0.99)];
            let mut row = vec![name, load.count().to_string(), number(figures[0], 0)];
            row.extend(figures[1..].iter().map(|figure| number(*figure, 1)));
            row.push(share);
            table.row(row);
        }
        rows.push((run.name().to_owned(), run.cpu.clone(), run.load.count() as f64 / 1_000.0));
        rows.push((format!("{}, raw", run.name()), figures.cpu.clone(), figures.operations / 1_000.0));
    }
    table.print();
    cpu_table("per 1,000 operations", &rows).print();
}
