//! The limits of what lies below: the same rows by bare statements, the same kind of queue by itself.

pub mod batch;
pub mod one;
pub mod posts;
pub mod rabbitmq;

use crate::cpu::Cpu;
use crate::load::Load;

/// What bare statements came to.
pub struct Figures {
    pub per_second: f64,
    pub operations: f64,
    pub cpu: Cpu,
}

impl Figures {
    fn of(load: &Load, cpu: Cpu) -> Self {
        Self { per_second: load.per_second(), operations: load.count() as f64, cpu }
    }
}
