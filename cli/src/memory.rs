//! The heap of the program, and how much memory there is.
//!
//! glibc gives each thread a heap of its own, and each of them keeps what its busiest moment took: a tenth of a task's
//! memory that nobody uses. Work on maps allocates planes and strips, not small things, so threads hardly ever meet.
//! The site's pages are small things: its commands keep a heap for each thread.

/// One heap for all threads. Before the first other thread starts. Elsewhere than with glibc there is nothing to do.
pub(crate) fn one_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(
            unsafe_code,
            reason = "a setting of the allocator can only be made through C"
        )]
        // SAFETY: sets one number of the allocator, while this is the only thread.
        let _ = unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    }
}

/// Memory that is free, in MB: of the machine, or of the container if that is less. `None` where the system does not tell.
#[cfg_attr(
    not(feature = "train"),
    expect(dead_code, reason = "only training asks")
)]
pub(crate) fn free_mb() -> Option<u64> {
    let machine = machine_free_mb(&std::fs::read_to_string("/proc/meminfo").ok()?)?;
    let group = |file: &str| {
        let text = std::fs::read_to_string(format!("/sys/fs/cgroup/memory.{file}")).ok()?;
        // "max" where there is no limit.
        text.trim().parse::<u64>().ok()
    };
    let container = group("max").zip(group("current"));
    let container = container.map(|(most, taken)| most.saturating_sub(taken) >> 20);
    Some(container.map_or(machine, |free| free.min(machine)))
}

fn machine_free_mb(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib >> 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_what_the_system_calls_available() {
        let text = "MemTotal:       24576000 kB\nMemFree:  100 kB\nMemAvailable:    2097152 kB\n";
        assert_eq!(machine_free_mb(text), Some(2048));
        assert_eq!(machine_free_mb("MemTotal: 1 kB"), None);
    }
}
