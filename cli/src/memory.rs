//! One heap for all threads.
//!
//! glibc gives each thread a heap of its own, and each of them keeps what its busiest moment took: a tenth of a task's
//! memory that nobody uses. Work on maps allocates planes and strips, not small things, so threads hardly ever meet.
//! The site's pages are small things: its commands keep a heap for each thread.

/// Before the first other thread starts. Elsewhere than with glibc there is nothing to do.
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
