//! Memory of its own mapping, which asks for huge pages where it is large.

use memmap2::MmapMut;

/// From here on memory asks for huge pages. The first touch of a page is a trap into the kernel: one for each 4 KiB took a
/// fifth of the time of an append to memory; and random looks at memory in small pages wait for the page tables as well.
#[cfg(target_os = "linux")]
const HUGE_PAGES_FROM: usize = 1 << 21;

/// So many bytes, all zero; `None` if there is no memory.
pub(crate) fn memory(bytes: usize) -> Option<MmapMut> {
    let memory = MmapMut::map_anon(bytes).ok()?;
    #[cfg(target_os = "linux")]
    if bytes >= HUGE_PAGES_FROM {
        // Only advice: without it the memory is as good, and slower.
        let _ = memory.advise(memmap2::Advice::HugePage);
    }
    Some(memory)
}
