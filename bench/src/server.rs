//! What a load costs the server, read from `/proc`.

use anyhow::{Context, Result};

/// Clock ticks a second in `/proc/PID/stat`: fixed on Linux for user space.
const TICKS: f64 = 100.0;

/// A server process, when one was named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    pid: Option<u32>,
}

impl Server {
    pub(crate) fn new(pid: Option<u32>) -> Self {
        Self { pid }
    }

    /// Seconds of CPU that the process has used, in user and kernel mode.
    pub(crate) fn cpu_seconds(self) -> Result<Option<f64>> {
        let Some(pid) = self.pid else {
            return Ok(None);
        };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .with_context(|| format!("there is no process {pid}"))?;
        // The name in parentheses may hold spaces.
        let (_, rest) = stat.rsplit_once(')').context("malformed stat")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |at: usize| -> Result<f64> {
            Ok(fields.get(at).context("malformed stat")?.parse::<f64>()?)
        };
        Ok(Some((ticks(11)? + ticks(12)?) / TICKS))
    }

    /// Forgets the peak of resident memory, so that the next scenario has its own.
    pub(crate) fn reset_peak(self) {
        if let Some(pid) = self.pid {
            // Where it is not allowed the peak is that of the whole run, which is never too low.
            drop(std::fs::write(format!("/proc/{pid}/clear_refs"), "5"));
        }
    }

    /// The peak of resident memory in MiB.
    pub(crate) fn peak_mib(self) -> Result<Option<f64>> {
        self.memory_mib("VmHWM:")
    }

    /// The resident memory in MiB.
    pub(crate) fn rss_mib(self) -> Result<Option<f64>> {
        self.memory_mib("VmRSS:")
    }

    fn memory_mib(self, name: &str) -> Result<Option<f64>> {
        let Some(pid) = self.pid else {
            return Ok(None);
        };
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kib: f64 = kib.context("malformed status")?.trim().parse()?;
        Ok(Some(kib / 1024.0))
    }
}
