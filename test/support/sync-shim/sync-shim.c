/* Models the disk of a machine that loses its power. Preloaded with LD_PRELOAD, it replaces fsync and fdatasync for
 * the files of one folder: a sync copies the file to an image, which therefore contains exactly the synced data.
 *
 * SYNC_SHIM_FOLDER    the folder
 * SYNC_SHIM_IMAGE     the folder of the image; without it, files are synced to the disk as usual
 * SYNC_SHIM_DELAY_MS  how long a sync takes in addition
 * SYNC_SHIM_FAIL      a file; while it exists, syncs fail with EIO
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Returns the name of a file directly in the folder; NULL for any other file. */
static const char *name_in_folder(const char *path) {
  const char *folder = getenv("SYNC_SHIM_FOLDER");
  size_t length = folder == NULL ? 0 : strlen(folder);
  if (length == 0 || strncmp(path, folder, length) != 0 || path[length] != '/') return NULL;
  const char *name = path + length + 1;
  return *name == '\0' || strchr(name, '/') != NULL ? NULL : name;
}

static int copy_content(int from, int to) {
  char buffer[65536];
  off_t at = 0;
  for (;;) {
    ssize_t count = pread(from, buffer, sizeof buffer, at);
    if (count == 0) return 0;
    if (count < 0 || pwrite(to, buffer, (size_t)count, at) != count) return -1;
    at += count;
  }
}

/* Replaces the file in the image as a whole, one sync of all processes at a time. */
static int copy_to_image(int descriptor, const char *image, const char *name) {
  char lock_path[PATH_MAX], temporary[PATH_MAX], target[PATH_MAX];
  snprintf(lock_path, sizeof lock_path, "%s/.lock", image);
  snprintf(temporary, sizeof temporary, "%s/.copy", image);
  snprintf(target, sizeof target, "%s/%s", image, name);
  int lock = open(lock_path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (lock < 0) return -1;
  int result = -1;
  if (flock(lock, LOCK_EX) == 0) {
    int copy = open(temporary, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
    if (copy >= 0) {
      result = copy_content(descriptor, copy);
      close(copy);
      if (result == 0) result = rename(temporary, target);
    }
  }
  close(lock);
  return result;
}

static void delay(void) {
  const char *text = getenv("SYNC_SHIM_DELAY_MS");
  long ms = text == NULL ? 0 : strtol(text, NULL, 10);
  struct timespec left = {ms / 1000, (ms % 1000) * 1000000};
  while (ms > 0 && nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}

static int sync_file(int descriptor, const char *function) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, function);
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  path[length < 0 ? 0 : length] = '\0';
  const char *name = name_in_folder(path);
  struct stat found;
  if (name == NULL || fstat(descriptor, &found) != 0 || !S_ISREG(found.st_mode)) return real(descriptor);
  const char *failing = getenv("SYNC_SHIM_FAIL");
  if (failing != NULL && access(failing, F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  const char *image = getenv("SYNC_SHIM_IMAGE");
  int result = image == NULL ? real(descriptor) : copy_to_image(descriptor, image, name);
  delay();
  return result;
}

int fsync(int descriptor) { return sync_file(descriptor, "fsync"); }

int fdatasync(int descriptor) { return sync_file(descriptor, "fdatasync"); }

/* A rename in the folder also renames the file in the image. */
int rename(const char *from, const char *to) {
  int (*real)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
  int result = real(from, to);
  const char *image = getenv("SYNC_SHIM_IMAGE"), *source = name_in_folder(from), *target = name_in_folder(to);
  if (result == 0 && image != NULL && source != NULL && target != NULL) {
    char before[PATH_MAX], after[PATH_MAX];
    snprintf(before, sizeof before, "%s/%s", image, source);
    snprintf(after, sizeof after, "%s/%s", image, target);
    real(before, after);
    errno = 0;
  }
  return result;
}
