//! Processor time of processes, from `/proc`.
//!
//! A process's time is `utime + stime` of `/proc/<pid>/stat`, in ticks of 10 ms. PostgreSQL is a family of
//! processes whose members come and go: the sum over the living ones, and `cutime + cstime` of the postmaster,
//! to which the kernel adds the time of each that ended. What other databases of the same server do is in
//! there too, so the backends of the own database are also counted alone, by their process titles; the
//! writers of WAL and pages are then left out.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

/// Milliseconds of one tick: USER_HZ is 100 on every Linux that Bellhop runs on.
const TICK_MS: f64 = 10.0;

/// Whose time is counted.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Processes of the measurement, by what they are called in the table; of one name they are added up.
    pub own: Vec<(&'static str, u32)>,
    /// The own database on PostgreSQL.
    pub database: Option<String>,
}

/// Processor time so far, in milliseconds, by name.
#[derive(Debug, Clone, Default)]
pub struct Cpu(pub BTreeMap<&'static str, f64>);

#[derive(Debug, Clone, Copy)]
struct Stat {
    parent: u32,
    own: f64,
    reaped: f64,
}

impl Watch {
    pub fn now(&self) -> Result<Cpu> {
        let mut times = BTreeMap::new();
        for (name, pid) in &self.own {
            let stat = stat(*pid).with_context(|| format!("{name} is gone"))?;
            *times.entry(*name).or_default() += stat.own;
        }
        times.insert("bench", stat(std::process::id()).context("/proc is there")?.own);
        if let Some(database) = &self.database {
            services(&mut times, database)?;
        }
        Ok(Cpu(times))
    }
}

impl Cpu {
    /// What was used since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        let spent = self.0.iter().map(|(name, ms)| (*name, ms - earlier.0.get(name).copied().unwrap_or(0.0)));
        Self(spent.collect())
    }
}

fn services(times: &mut BTreeMap<&'static str, f64>, database: &str) -> Result<()> {
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        // A process may end between two reads.
        let (Ok(name), Some(stat)) = (fs::read_to_string(format!("/proc/{pid}/comm")), stat(pid)) else {
            continue;
        };
        match name.trim() {
            "postgres" => {
                let title = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                let is_postmaster = !is_named(stat.parent, "postgres");
                let reaped = if is_postmaster { stat.reaped } else { 0.0 };
                *times.entry("PostgreSQL").or_default() += stat.own + reaped;
                if title.split(' ').any(|word| word == database) {
                    *times.entry("own backends").or_default() += stat.own;
                }
            }
            "beam.smp" => *times.entry("RabbitMQ").or_default() += stat.own,
            "redis-server" => *times.entry("Redis").or_default() += stat.own,
            _ => {}
        }
    }
    Ok(())
}

fn is_named(pid: u32, name: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|found| found.trim() == name)
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything; after it, the state is field 3 of proc(5).
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    let parent = fields.get(1)?.parse().ok()?;
    Some(Stat {
        parent,
        own: (number(14)? + number(15)?) * TICK_MS,
        reaped: (number(16)? + number(17)?) * TICK_MS,
    })
}

/// Resident memory of a process in megabytes: now, and the most it ever had.
pub fn memory(pid: u32) -> Result<(f64, f64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let of = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kb| kb / 1024.0)
    };
    Ok((of("VmRSS:").context("VmRSS")?, of("VmHWM:").context("VmHWM")?))
}
