//! What several tables have in common: processor time by process, and the machine.

use std::fs;

use anyhow::Result;
use bellhop_e2e::services::Services;
use sea_orm::{ConnectionTrait, Database, Statement};

use crate::cpu::Cpu;
use crate::table::{Table, number};

const PROCESSES: [&str; 9] =
    ["bellhop", "api", "worker", "PostgreSQL", "own backends", "RabbitMQ", "Redis", "simulator", "bench"];

/// Processor milliseconds of each process, for so many operations.
pub fn cpu_table(title: &str, rows: &[(String, Cpu, f64)]) -> Table {
    let mut columns = vec!["CPU ms by process"];
    columns.extend(PROCESSES);
    let mut table = Table::new(title, &columns);
    for (name, cpu, operations) in rows {
        let digits = if *operations < 1_000.0 { 0 } else { 3 };
        let cell =
            |process: &&str| cpu.0.get(*process).map_or("-".to_owned(), |ms| number(ms / operations, digits));
        table.row([name.clone()].into_iter().chain(PROCESSES.iter().map(cell)).collect());
    }
    table
}

/// A line about the machine and what runs on it.
pub async fn machine(services: &Services) -> Result<String> {
    let cores = std::thread::available_parallelism()?;
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|of| of.1));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    let server = Database::connect(format!("{}/postgres", services.postgres)).await?;
    let version = Statement::from_string(server.get_database_backend(), "SHOW server_version");
    let row = server.query_one_raw(version).await?;
    let postgres = row.map(|row| row.try_get_by_index::<String>(0)).transpose()?.unwrap_or_default();
    let postgres = postgres.split(' ').next().unwrap_or_default();
    server.close().await?;
    let mut redis = redis::Client::open(services.redis.as_str())?.get_multiplexed_async_connection().await?;
    let facts: String = redis::cmd("INFO").arg("server").query_async(&mut redis).await?;
    let redis = facts.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or("?");
    let rabbitmq = crate::raw::rabbitmq::version(services).await?;
    Ok(format!(
        "{cores} cores ({}), load {load} at the start; PostgreSQL {postgres}, RabbitMQ {rabbitmq}, Redis {}",
        model.unwrap_or("unknown"),
        redis.trim(),
    ))
}
