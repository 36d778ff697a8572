#define _GNU_SOURCE
#include "CVarvePlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

int varve_epoll_ctl(int poller, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return epoll_ctl(poller, operation, descriptor, &event);
}

int varve_epoll_wait(
    int poller, uint64_t *tokens, uint32_t *ready, int capacity, int timeout_milliseconds) {
    struct epoll_event events[256];
    if (capacity > 256) capacity = 256;
    int count = epoll_wait(poller, events, capacity, timeout_milliseconds);
    for (int i = 0; i < count; i++) {
        tokens[i] = events[i].data.u64;
        ready[i] = events[i].events;
    }
    return count;
}

int varve_open(const char *path, int flags, unsigned mode) {
    return open(path, flags | O_CLOEXEC, mode);
}

int varve_open_direct(const char *path) { return open(path, O_RDONLY | O_DIRECT | O_CLOEXEC); }

static struct flock whole_file(short type) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
}

static int set_lock(int descriptor, short type) {
    struct flock lock = whole_file(type);
    return fcntl(descriptor, F_OFD_SETLK, &lock);
}

int varve_lock_exclusive(int descriptor) { return set_lock(descriptor, F_WRLCK); }

int varve_unlock(int descriptor) { return set_lock(descriptor, F_UNLCK); }

int varve_is_main_thread(void) { return gettid() == getpid(); }

int varve_is_locked(int descriptor) {
    struct flock lock = whole_file(F_WRLCK);
    if (fcntl(descriptor, F_OFD_GETLK, &lock) != 0) return -1;
    return lock.l_type != F_UNLCK;
}

int varve_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal); }

void varve_name_thread(const char *name) {
    char cut[16] = {0};
    strncpy(cut, name, 15);
    pthread_setname_np(pthread_self(), cut);
}

int varve_can_write_back(int descriptor) {
    struct utsname system;
    unsigned major = 0, minor = 0;
    if (uname(&system) != 0 || sscanf(system.release, "%u.%u", &major, &minor) != 2) return 0;
    if (major < 5 || (major == 5 && minor < 8)) return 0;
    struct statfs status;
    if (fstatfs(descriptor, &status) != 0) return 0;
    return status.f_type == EXT4_SUPER_MAGIC || status.f_type == XFS_SUPER_MAGIC;
}

int varve_takes_changes(int descriptor) {
    if (fremovexattr(descriptor, "user.varve.none") == 0 || errno == ENODATA) return 1;
    if (errno == EROFS || errno == EIO) return 0;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
    return futimens(descriptor, times) == 0 || (errno != EROFS && errno != EIO);
}

int varve_set_space_aside(int descriptor, int64_t position, int64_t count) {
    return fallocate(descriptor, FALLOC_FL_KEEP_SIZE, position, count);
}

int varve_write_back(int descriptor) { return syncfs(descriptor); }

int varve_unacknowledged(int descriptor)
{
    int count = 0;
    return ioctl(descriptor, SIOCOUTQ, &count) == 0 ? count : -1;
}

void varve_keep_freed_memory(size_t bytes) {
    // glibc takes thresholds of mapped blocks up to 32 MiB (half of a heap's largest size) and
    // refuses larger ones. Other C libraries have no mallopt, or ignore it.
#ifdef __GLIBC__
    enum { MAPPED_BYTES_MAX = 32 << 20 };
    int kept = bytes > INT_MAX ? INT_MAX : (int)bytes;
    mallopt(M_MMAP_THRESHOLD, kept < MAPPED_BYTES_MAX ? kept : MAPPED_BYTES_MAX);
    mallopt(M_TRIM_THRESHOLD, kept);
    // What one thread frees the next one takes, whichever it is.
    mallopt(M_ARENA_MAX, 1);
#else
    (void)bytes;
#endif
}

/// Whether the loader had to change the object's code (DT_TEXTREL, DF_TEXTREL).
static int has_changed_code(const struct dl_phdr_info *object) {
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        if (header->p_type != PT_DYNAMIC) continue;
        const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(object->dlpi_addr + header->p_vaddr);
        for (; entry->d_tag != DT_NULL; entry++)
            if (entry->d_tag == DT_TEXTREL
                || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL)))
                return 1;
    }
    return 0;
}

static int unmap_code(struct dl_phdr_info *object, size_t size, void *context) {
    (void)size, (void)context;
    if (has_changed_code(object)) return 0;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        if (header->p_type != PT_LOAD || (header->p_flags & PF_W)) continue;
        // The last page may be shared with a segment that can be written.
        uintptr_t start = (object->dlpi_addr + header->p_vaddr) & ~(page - 1);
        uintptr_t end = (object->dlpi_addr + header->p_vaddr + header->p_memsz) & ~(page - 1);
        // It fails for what is no file, the kernel's own page: that stays.
        if (end > start) madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void varve_unmap_code(void) { dl_iterate_phdr(unmap_code, NULL); }
