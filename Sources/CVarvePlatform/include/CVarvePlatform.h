// What Swift's Glibc module leaves out or cannot express: epoll, eventfd, CRC-32C instructions,
// macros with arguments, and variadic calls. Nothing here keeps state.
#ifndef CVARVEPLATFORM_H
#define CVARVEPLATFORM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/statvfs.h>

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `count` bytes, continuing from `crc` (0 to start).
uint32_t varve_crc32c(uint32_t crc, const void *bytes, size_t count);

/// The same in portable C, so that tests can compare the two.
uint32_t varve_crc32c_portable(uint32_t crc, const void *bytes, size_t count);

/// How many bytes of `text`, which lies inside a JSON string (RFC 8259 section 7), are good without
/// another look: ASCII, and escapes of one letter, for which `*escaped` becomes 1. The next byte,
/// if there is one, is the closing quote, a control character, of another alphabet, or the
/// backslash of a `\u` or of no escape.
size_t varve_json_plain(const void *text, size_t count, int *escaped);

/// The same in portable C, so that tests can compare the two.
size_t varve_json_plain_portable(const void *text, size_t count, int *escaped);

/// mallopt: freed memory is kept for the next use, up to `bytes` of it, where the C library would
/// hand it back to the system and fault it in again.
void varve_keep_freed_memory(size_t bytes);

/// Unmaps the pages of the program's and its libraries' code and constants (madvise
/// MADV_DONTNEED): those that are needed again come back from the page cache when they are touched.
/// Leaves alone what may have been changed in memory. For the end of a start, whose code makes up
/// most of what is mapped then and is not used again.
void varve_unmap_code(void);

/// epoll_ctl with the token in `data.u64`. Returns 0 or -1 with errno.
int varve_epoll_ctl(int poller, int operation, int descriptor, uint32_t events, uint64_t token);

/// epoll_wait; tokens and ready masks are written to the two arrays. Returns the count or -1.
int varve_epoll_wait(
    int poller, uint64_t *tokens, uint32_t *ready, int capacity, int timeout_milliseconds);

/// open(2) with O_CLOEXEC. Returns the descriptor or -1.
int varve_open(const char *path, int flags, unsigned mode);

/// open(2) for reading past the page cache (O_DIRECT).
int varve_open_direct(const char *path);

/// fcntl(F_OFD_SETLK) with an exclusive whole-file lock. Returns 0, or -1 with errno.
int varve_lock_exclusive(int descriptor);
/// fcntl(F_OFD_SETLK): gives that lock back, whoever else has a copy of the descriptor.
int varve_unlock(int descriptor);
/// fcntl(F_OFD_GETLK): 1 when somebody else holds a lock on the file, 0 when nobody does, -1 with
/// errno. Takes no lock; a descriptor for reading is enough.
int varve_is_locked(int descriptor);

/// prctl(PR_SET_PDEATHSIG): this process gets `signal` when its parent ends. Returns 0 or -1.
int varve_die_with_parent(int signal);

/// gettid(2) == getpid(2): 1 on the thread that `main` runs on, else 0.
int varve_is_main_thread(void);

/// pthread_setname_np on the calling thread, cut to 15 bytes.
void varve_name_thread(const char *name);

/// Whether syncfs(2) of the descriptor's file system hands all its files to the device and tells of
/// those that failed: 1 on ext4 and XFS under Linux 5.8 or later, else 0. (Before, it returned 0
/// whatever had failed; other file systems were not looked into.)
int varve_can_write_back(int descriptor);

/// Whether the file's file system still takes changes: 1, or 0 with errno EROFS or EIO. For behind
/// each sync. When ext4's journal gives up, it says so to the syncs that wait for its last
/// transaction; one that comes a moment later finds that over, and returns 0 though nothing of it
/// is on the disk (jbd2_complete_transaction). A change needs a transaction of its own, and there
/// is none any more. This one takes an attribute away that is not there: the transaction begins,
/// and nothing has to be written. (Setting the file's time makes the next sync write the inode,
/// which takes half as long again. It is what is left where a file system knows no attributes.)
int varve_takes_changes(int descriptor);

/// fallocate(2) with FALLOC_FL_KEEP_SIZE. Returns 0, or -1 with errno.
int varve_set_space_aside(int descriptor, int64_t position, int64_t count);

/// syncfs(2). Returns 0, or -1 with errno.
int varve_write_back(int descriptor);

/// ioctl(SIOCOUTQ): sent bytes that the peer has not acknowledged. Returns their count or -1.
int varve_unacknowledged(int descriptor);

#endif
