#include "CVarveProof.h"

#include <fcntl.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <unistd.h>

int varve_shut_down_file_system(const char *path) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    // Source: Linux, fs/ext4/ext4.h and fs/xfs/libxfs/xfs_fs.h; the two agree.
    __u32 flags = 2;
    int result = ioctl(descriptor, _IOR('X', 125, __u32), &flags);
    close(descriptor);
    return result;
}
