// What the power-cut proof asks of the kernel and nothing else may: never part of the product.
#ifndef CVARVEPROOF_H
#define CVARVEPROOF_H

/// Shuts the file system that `path` lies on down at once, as a power cut does: what was not
/// synced is lost (ioctl EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN, flag 2: without flushing the
/// journal). Returns 0 or -1 with errno. Needs root.
int varve_shut_down_file_system(const char *path);

#endif
