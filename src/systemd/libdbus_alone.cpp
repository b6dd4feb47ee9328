// SPDX-License-Identifier: Apache-2.0
// What libdbus calls where it is a server, speaks TCP, or looks for a user's session: none of it
// here. Defined so that a static program needs neither libsystemd nor those parts of glibc that
// load shared libraries (getaddrinfo, getpwnam_r, ...); each says that there is nothing.
#include <grp.h>
#include <netdb.h>
#include <pwd.h>

#include <cerrno>

extern "C" {

int sd_listen_fds(int /*unset_environment*/) { return 0; }
int sd_is_socket(int /*fd*/, int /*family*/, int /*type*/, int /*listening*/) { return 0; }

int getaddrinfo(const char* /*node*/, const char* /*service*/, const addrinfo* /*hints*/,
                addrinfo** /*result*/) {
  return EAI_FAIL;
}
void freeaddrinfo(addrinfo* /*list*/) {}
int getnameinfo(const sockaddr* /*address*/, socklen_t /*size*/, char* /*host*/,
                socklen_t /*host_size*/, char* /*service*/, socklen_t /*service_size*/,
                int /*flags*/) {
  return EAI_FAIL;
}

int getpwnam_r(const char* /*name*/, passwd* /*entry*/, char* /*buffer*/, size_t /*size*/,
               passwd** result) {
  *result = nullptr;
  return ENOENT;
}
int getpwuid_r(uid_t /*uid*/, passwd* /*entry*/, char* /*buffer*/, size_t /*size*/,
               passwd** result) {
  *result = nullptr;
  return ENOENT;
}
int getgrouplist(const char* /*user*/, gid_t /*group*/, gid_t* /*groups*/, int* count) {
  *count = 0;
  return 0;
}

}  // extern "C"
