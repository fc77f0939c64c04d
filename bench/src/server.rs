//! What a load costs the server, read from `/proc`.

use anyhow::{Context, Result};

/// Clock ticks a second in `/proc/PID/stat`: fixed on Linux for user space.
const TICKS: f64 = 100.0;

/// A server's processes, when some were named, and their children.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pids: Vec<u32>,
}

impl Server {
    pub(crate) fn new(pids: Vec<u32>) -> Self {
        Self { pids }
    }

    /// The processes that are there now.
    fn all(&self) -> Vec<u32> {
        let children = |pid: &u32| {
            let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            let text = text.unwrap_or_default();
            let found = text.split_whitespace().filter_map(|pid| pid.parse().ok());
            found.collect::<Vec<u32>>()
        };
        let children: Vec<u32> = self.pids.iter().flat_map(children).collect();
        [self.pids.clone(), children].concat()
    }

    /// Seconds of CPU that the processes have used, in user and kernel mode.
    pub(crate) fn cpu_seconds(&self) -> Result<Option<f64>> {
        let seconds = self.all().into_iter().map(cpu_seconds_of);
        let seconds = seconds.collect::<Result<Vec<f64>>>()?;
        Ok((!seconds.is_empty()).then(|| seconds.iter().sum()))
    }

    /// Forgets the peak of resident memory, so that the next scenario has its own.
    pub(crate) fn reset_peak(&self) {
        for pid in self.all() {
            // Where it is not allowed the peak is that of the whole run, which is never too low.
            drop(std::fs::write(format!("/proc/{pid}/clear_refs"), "5"));
        }
    }

    /// The peak of resident memory in MiB.
    pub(crate) fn peak_mib(&self) -> Result<Option<f64>> {
        self.memory_mib("VmHWM:")
    }

    /// The resident memory in MiB.
    pub(crate) fn rss_mib(&self) -> Result<Option<f64>> {
        self.memory_mib("VmRSS:")
    }

    fn memory_mib(&self, name: &str) -> Result<Option<f64>> {
        let memory = self.all().into_iter().map(|pid| memory_mib_of(pid, name));
        let memory = memory.collect::<Result<Vec<f64>>>()?;
        Ok((!memory.is_empty()).then(|| memory.iter().sum()))
    }
}

fn cpu_seconds_of(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("there is no process {pid}"))?;
    // The name in parentheses may hold spaces.
    let (_, rest) = stat.rsplit_once(')').context("malformed stat")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| -> Result<f64> {
        Ok(fields.get(at).context("malformed stat")?.parse::<f64>()?)
    };
    Ok((ticks(11)? + ticks(12)?) / TICKS)
}

fn memory_mib_of(pid: u32, name: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: f64 = kib.context("malformed status")?.trim().parse()?;
    Ok(kib / 1024.0)
}
