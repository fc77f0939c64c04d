//! A progress bar for each service; nothing when standard error is no terminal, or JSON is wanted.

use dolium_raid::{Raid, Watch};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The bars of one command.
pub(super) struct Bars {
    all: MultiProgress,
    bars: Vec<ProgressBar>,
}

impl Bars {
    /// Bars of bytes; `len` is what each will come to, where that is known.
    pub(super) fn of_bytes(array: &Raid, len: Option<u64>, hidden: bool) -> Self {
        let known = "{prefix:>12} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        let open = "{prefix:>12} {spinner} {bytes} {bytes_per_sec}";
        Self::new(array, len, if len.is_some() { known } else { open }, hidden)
    }

    /// Counters of objects.
    pub(super) fn of_objects(array: &Raid, hidden: bool) -> Self {
        Self::new(array, None, "{prefix:>12} {spinner} {pos} objects", hidden)
    }

    fn new(array: &Raid, len: Option<u64>, template: &str, hidden: bool) -> Self {
        let target = match hidden {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let all = MultiProgress::with_draw_target(target);
        let style = ProgressStyle::with_template(template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bars = array.services().iter().map(|service| {
            let bar = match len {
                Some(len) => ProgressBar::new(len),
                None => ProgressBar::new_spinner(),
            };
            let bar = all.add(bar);
            bar.set_style(style.clone());
            bar.set_prefix(service.name.clone());
            bar
        });
        let bars = bars.collect();
        Self { all, bars }
    }

    /// Prints something above the bars.
    pub(super) fn above(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }

    /// Takes the bars away.
    pub(super) fn clear(&self) {
        for bar in &self.bars {
            bar.finish_and_clear();
        }
    }
}

impl Watch for Bars {
    fn moved(&self, service: usize, bytes: u64) {
        if let Some(bar) = self.bars.get(service) {
            bar.inc(bytes);
        }
    }
}
