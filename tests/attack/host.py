# SPDX-License-Identifier: Apache-2.0
"""Classes 4-10: what of the host a program inside could touch."""
import ctypes
import errno
import fcntl
import glob
import os
import pathlib
import socket
import stat
import subprocess

from probe import (CONF, TOKEN, Control, Escape, each, in_child, must_fail,
                   no_token, probe, recv_some, syscall)


def read(path, n=65536):
    with open(path, "rb") as f:
        return f.read(n)


def config(key):
    return CONF.get(key, [])


# -- 4: unix sockets; the paths are known only at run time
@probe(4, "sockets of the host")
def _():
    failed, told = [], []
    for path in config("unix"):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(0.5)
            try:
                s.connect(path.replace("@", "\0", 1)
                          if path.startswith("@") else path)
                s.sendall(b"escaped\n")
                recv_some(s, 0.3)
                failed.append(path)
            except OSError as e:
                told.append(errno.errorcode.get(e.errno, "?"))
    if failed:
        raise Escape("connected: " + " ".join(failed))
    return " ".join(told)


@probe(4, "socket of the keeper")
def _():
    for kind in (socket.SOCK_SEQPACKET, socket.SOCK_STREAM):
        with socket.socket(socket.AF_UNIX, kind) as s:
            must_fail("connect", s.connect, CONF["keeper"])


@probe(4, "datagram to sockets of the host")
def _():
    for path in config("unix"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            must_fail("sendto", s.sendto, b"x", path)


@probe(4, "abstract sockets that are listed")
def _():
    names = [x.split()[-1] for x in
             read("/proc/net/unix").decode("latin-1").splitlines()[1:]
             if "@" in x]
    got = []
    for name in names:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(0.3)
            try:
                s.connect("\0" + name[1:])
                if TOKEN in recv_some(s, 0.3):
                    got.append(name)
            except OSError:
                pass
    if got:
        raise Escape(" ".join(got))
    return f"{len(names)} listed"


# -- 5: inheritance
@probe(5, "descriptors", serial=True)
def _():
    # As PID's parent handed them out: those of this process above 2 that
    # Python did not open itself. The driver execs us directly.
    extra = CONF["_fds"]
    if extra:
        raise Escape(f"inherited {extra}")


@probe(5, "secret in any environment or command line")
def _():
    secret = CONF["env_secret"].encode()
    if secret in str(dict(os.environ)).encode():
        raise Escape("own environment")
    n = 0
    for path in glob.glob("/proc/[0-9]*/environ") \
            + glob.glob("/proc/[0-9]*/cmdline"):
        try:
            data = read(path)
        except OSError:
            continue
        n += 1
        if secret in data:
            raise Escape(path)
    return f"{n} files read"


@probe(5, "namespaces are not the host's")
def _():
    same = [n for n, told in CONF["namespaces"].items()
            if n != "time" and os.readlink(f"/proc/self/ns/{n}") == told]
    if same:
        raise Escape("shared: " + " ".join(same))


@each(5, "keyring", [("keyctl", 250, 0, -3 & 0xffffffff, 0),
                     ("add_key", 248, b"user\0", b"x\0", b"y"),
                     ("request_key", 249, b"user\0", b"x\0", None)])
def _(_, number, *args):
    return must_fail("keyring", syscall, number, *args, 1, -3)


@probe(5, "shared memory of the host")
def _():
    for path in (CONF["shm"], "/dev/mqueue" + CONF["shm"][8:]):
        try:
            if TOKEN in read(path):
                raise Escape(path)
        except OSError:
            pass
    for kind in ("shm", "sem", "msg"):
        lines = read(f"/proc/sysvipc/{kind}").splitlines()[1:]
        if lines:
            raise Escape(f"{kind}: {lines[0]}")


@each(5, "typing into the terminal", [
    ("TIOCSTI", 0x5412), ("high bits", 0x5412 | 1 << 32),
    ("TIOCLINUX", 0x541c), ("TIOCLINUX high", 0x541c | 1 << 40)])
def _(_, request):
    for fd in (0, 1, 2):
        with_arg = ctypes.create_string_buffer(b"x")
        must_fail("ioctl", syscall, 16, fd, request, with_arg)


# -- 6: the init of the sandbox
@each(6, "/proc/1", ["environ", "mem", "maps", "root/etc/shadow",
                     "cwd/.", "fd/0", "auxv", "stack", "syscall"])
def _(name):
    def get():
        path = f"/proc/1/{name}"
        if os.path.isdir(path):
            return os.listdir(path)
        data = read(path, 4096)
        if not data:
            raise OSError(errno.ENODATA, "empty")
        return data
    return must_fail(name, get)


@probe(6, "/proc/1/fd")
def _():
    return must_fail("list", os.listdir, "/proc/1/fd")


@probe(6, "trace init")
def _():
    return must_fail("ptrace", syscall, 101, 16, 1, 0, 0)


@probe(6, "memory of init")
def _():
    buf = ctypes.create_string_buffer(64)

    class Iov(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]
    mine = Iov(ctypes.addressof(buf), 64)
    far = Iov(0x400000, 64)
    return must_fail("process_vm_readv", syscall, 310, 1,
                     ctypes.c_void_p(ctypes.addressof(mine)), 1,
                     ctypes.c_void_p(ctypes.addressof(far)), 1, 0)


@probe(6, "descriptor of init")
def _():
    fd = os.pidfd_open(1)
    return must_fail("pidfd_getfd", syscall, 438, fd, 0, 0)


@each(6, "join namespace of init", ["user", "net", "mnt", "pid", "ipc",
                                    "uts", "cgroup"])
def _(name):
    def join():
        fd = os.open(f"/proc/1/ns/{name}", os.O_RDONLY)
        try:
            syscall(308, fd, 0)
        finally:
            os.close(fd)
    return must_fail("setns", join)


@probe(6, "kill init", serial=True)
def _():
    for sig in (9, 19):
        try:
            os.kill(1, sig)
        except PermissionError:
            pass
    if not os.path.exists("/proc/1/stat"):
        raise Control("init is gone, we are not")
    return "init is alive"


# -- 7: namespaces and mounts
# Should a probe succeed, it must not do harm: every one of them is a no-op.
HOSTNAME = socket.gethostname().encode()
FLAGS = {"user": 0x10000000, "net": 0x40000000, "mount": 0x20000,
         "pid": 0x20000000, "ipc": 0x8000000, "uts": 0x4000000,
         "cgroup": 0x2000000, "time": 0x80}


@each(7, "unshare", [(k, v) for k, v in FLAGS.items()])
def _(_, flag):
    return must_fail("unshare", in_child, lambda: syscall(272, flag))


@probe(7, "unshare with high bits")
def _():
    return must_fail("unshare", in_child,
                     lambda: syscall(272, FLAGS["user"] | 1 << 32))


@each(7, "clone", [(k, v) for k, v in FLAGS.items() if k != "time"])
def _(_, flag):
    def clone():
        pid = syscall(56, flag | 17, 0, 0, 0, 0)
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        return pid
    return must_fail("clone", in_child, clone)


@probe(7, "clone3")
def _():
    args = (ctypes.c_uint64 * 11)()
    args[0], args[4] = FLAGS["user"], 17

    def clone3():
        if syscall(435, args, 88) == 0:
            os._exit(0)
        return "made"
    return must_fail("clone3", in_child, clone3)


@each(7, "call", [
    ("mount tmpfs", 165, b"none\0", b"/tmp\0", b"tmpfs\0", 0, None),
    ("mount proc", 165, b"none\0", b"/tmp\0", b"proc\0", 0, None),
    ("remount /", 165, b"none\0", b"/\0", None, 0x1020, None),
    ("remount /proc/sys", 165, None, b"/proc/sys\0", None, 0x1020, None),
    ("umount /proc/sys", 166, b"/proc/sys\0", 2),
    ("umount /etc", 166, b"/etc\0", 2), ("umount /tmp", 166, b"/tmp\0", 2),
    ("pivot_root", 155, b"/tmp\0", b"/tmp\0"), ("chroot", 161, b"/\0"),
    ("open_tree", 428, -100, b"/\0", 1), ("fsopen", 430, b"tmpfs\0", 0),
    ("fspick", 433, -100, b"/\0", 0),
    ("move_mount", 429, -100, b"/tmp\0", -100, b"/var/tmp\0", 0),
    ("mount_setattr", 442, -100, b"/\0", 0x8000, b"\0" * 32, 32),
    ("swapon", 167, b"/tmp/x\0", 0), ("acct", 163, b"/tmp/x\0"),
    ("sethostname", 170, HOSTNAME, len(HOSTNAME))])
def _(_, number, *args):
    return must_fail("call", in_child, lambda: syscall(number, *args))


@probe(7, "rename or remove a guard")
def _():
    for path in config("guards"):
        must_fail(f"rename {path}", os.rename, path, path + ".moved")
    return " ".join(config("guards"))


# -- 8: kernel interfaces
@each(8, "call", [
    ("io_uring_setup", 425, 8, b"\0" * 120), ("bpf", 321, 5, b"\0" * 64, 64),
    ("perf_event_open", 298, b"\0" * 120, 0, -1, -1, 0),
    ("userfaultfd", 323, 0x80000), ("open_by_handle_at", 304, 3, b"\0" * 8, 0),
    ("init_module", 175, b"\0" * 8, 8, b"\0"), ("kexec_load", 246, 0, 0, 0, 0),
    ("finit_module", 313, 0, b"\0", 0), ("kexec_file_load", 320, 0, 0, 0, 0),
    ("delete_module", 176, b"x\0", 0), ("reboot", 169, 0, 0, 0, 0),
    ("syslog", 103, 3, b"\0" * 64, 64), ("quotactl", 179, 0, b"/\0", 0, 0),
    ("iopl", 172, 3), ("ioperm", 173, 0x80, 1, 1),
    ("adjtimex", 159, b"\0\1" + b"\0" * 206), ("mknod", 133, b"/tmp/m\0",
                                             0o20666, 0x103),
    ("mknod block", 133, b"/tmp/b\0", 0o60666, 0x800),
    ("vmsplice", 278, 0, 0, 0, 0)])
def _(_, number, *args):
    return must_fail("call", in_child, lambda: syscall(number, *args))


@each(8, "write", [
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/modprobe", "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/net/ipv4/ip_unprivileged_port_start",
    "/proc/sys/user/max_user_namespaces", "/proc/sys/vm/overcommit_memory",
    "/proc/sys/fs/binfmt_misc/register", "/proc/sysrq-trigger",
    "/proc/irq/0/smp_affinity", "/sys/kernel/uevent_helper",
    "/sys/fs/cgroup/cgroup.procs", "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/power/state", "/proc/1/oom_score_adj", "/proc/self/uid_map",
    "/proc/self/gid_map", "/proc/self/setgroups", "/proc/1/uid_map",
    "/dev/kmsg", "/dev/mem", "/dev/sda", "/dev/vda", "/dev/kvm", "/dev/fuse",
    "/dev/net/tun", "/dev/vsock", "/dev/vhost-vsock", "/dev/loop-control"])
def _(path):
    def put():
        fd = os.open(path, os.O_WRONLY)
        try:
            # Opening may be harmless; storing something is not.
            if path.endswith("_map"):
                os.write(fd, b"0 0 1\n")
            elif path.endswith("setgroups"):
                os.write(fd, b"allow")
        finally:
            os.close(fd)
    return must_fail("open", put)


@each(8, "read", ["/proc/kcore", "/proc/kmsg", "/proc/keys", "/proc/key-users",
                  "/proc/timer_list", "/proc/sysrq-trigger",
                  "/sys/kernel/security/lsm", "/sys/kernel/debug/sched",
                  "/sys/firmware/memmap/0/start", "/boot/vmlinuz"])
def _(path):
    def get():
        data = read(path, 64)
        if not data:
            raise OSError(errno.ENODATA, "masked")
        return data
    return must_fail("read", get)


@probe(8, "device nodes")
def _():
    fine = {"null", "zero", "full", "random", "urandom", "tty", "ptmx",
            "console"}
    for dir, _, files in os.walk("/dev"):
        for f in files:
            mode = os.lstat(os.path.join(dir, f)).st_mode
            if (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) \
                    and f not in fine and not dir.startswith("/dev/pts"):
                raise Escape(os.path.join(dir, f))


@probe(8, "memfd exec keeps the cage", serial=True)
def _():
    fd = os.memfd_create("cat", 0)
    os.write(fd, read("/bin/cat", 1 << 22))
    text = subprocess.run(
        [f"/proc/self/fd/{fd}", "/proc/self/status"], pass_fds=[fd],
        capture_output=True).stdout
    if b"Seccomp:\t2" not in text or b"NoNewPrivs:\t1" not in text:
        raise Escape("filter or no_new_privs lost")


# -- 9: files
@probe(9, "secrets of the host")
def _():
    got, told = [], []
    for path in config("secrets"):
        try:
            data = read(path)
            (got if TOKEN in data else told).append(path)
        except OSError as e:
            told.append(errno.errorcode.get(e.errno, "?"))
    if got:
        raise Escape("read " + " ".join(got))
    return " ".join(told)


@probe(9, "secrets by way of links")
def _():
    for i, path in enumerate(config("secrets")):
        link = f"link-{i}"
        try:
            os.symlink(path, link)
            no_token(read(link), link)
        except OSError:
            pass
        for prefix in ("/proc/self/root", "/proc/1/root", "/proc/self/cwd/.."
                       "/../../../../.."):
            try:
                no_token(read(prefix + path), prefix)
            except OSError:
                pass


@each(9, "shadow", ["/etc/shadow", "/etc/gshadow", "/etc/shadow-",
                    "/etc/sudoers"])
def _(path):
    def get():
        data = read(path)
        if not data:
            raise OSError(errno.ENODATA, "masked")
        return data
    return must_fail("read", get)


@each(9, "write to the system", [
    "/usr/bin/x", "/usr/local/bin/x", "/etc/x", "/etc/ld.so.preload",
    "/etc/profile.d/x.sh", "/opt/x", "/var/x", "/var/spool/cron/x", "/x",
    "/lib/x", "/srv/x", "/root/x", "/run/x", "/home/x", "/sys/x", "/proc/x",
    "/etc/hosts", "/etc/resolv.conf", "/etc/passwd", "/bin/sh",
    "/etc/ssl/certs/ca-certificates.crt", "/run/sallyport/ca.pem"])
def _(path):
    return must_fail("open", lambda: os.close(
        os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)))


@probe(9, "write to guarded files of the project")
def _():
    for path in config("guarded"):
        must_fail(path, lambda: os.close(
            os.open(path, os.O_WRONLY | os.O_CREAT, 0o755)))
        must_fail(f"unlink {path}", os.unlink, path)
    return " ".join(config("guarded"))


@probe(9, "the project itself is writable")
def _():
    pathlib.Path("written-inside").write_text("ok\n")
    if pathlib.Path("written-inside").read_text() != "ok\n":
        raise Control("project is not writable")


# -- 10: identity and limits
@probe(10, "capabilities")
def _():
    status = dict(x.split(":", 1) for x in
                  pathlib.Path("/proc/self/status").read_text().splitlines())
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        if int(status[name], 16):
            raise Escape(f"{name} {status[name].strip()}")
    if status["NoNewPrivs"].strip() != "1":
        raise Escape("no_new_privs is off")
    if status["Seccomp"].strip() != "2":
        raise Escape("no seccomp filter")


@each(10, "become root", [("setuid", 105, 0), ("setgid", 106, 0),
                          ("setreuid", 113, 0, 0), ("setresuid", 117, 0, 0, 0),
                          ("setgroups", 116, 0, None)])
def _(_, number, *args):
    if os.getuid() == 0 and number != 116:
        return "uid 0 inside is not uid 0 outside; the driver checks"
    return must_fail("call", syscall, number, *args)


@probe(10, "setuid programs")
def _():
    for path in ("/usr/bin/su", "/usr/bin/sudo", "/usr/bin/mount",
                 "/usr/bin/passwd"):
        if os.path.exists(path) and not \
                os.statvfs(path).f_flag & os.ST_NOSUID:
            uid = subprocess.run(
                [path, "--version"], capture_output=True,
                stdin=subprocess.DEVNULL).returncode
            # no_new_privs already voids the bit; nosuid would be nicer
            return f"{path} runs without privilege, exit {uid}"
    if not os.statvfs(".").f_flag & os.ST_NOSUID:
        raise Escape("the project may hold setuid programs")


@probe(10, "writable places are bounded")
def _():
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in ("/tmp", "/dev/shm", "/run", "/var/tmp"):
        v = os.statvfs(path)
        if v.f_blocks * v.f_frsize > total * 3 // 4:
            raise Escape(f"{path}: {v.f_blocks * v.f_frsize >> 20} MiB")


@probe(10, "other processes are not visible")
def _():
    me = {int(p) for p in os.listdir("/proc") if p.isdigit()}
    if len(me) > 60 or CONF["outside_pid"] in me and CONF["outside_pid"] > 200:
        raise Escape(f"{len(me)} processes")
    return f"{len(me)} processes"


@probe(10, "terminal of the launcher", serial=True)
def _():
    def take():
        fd = os.open("/dev/tty", os.O_RDWR)
        fcntl.ioctl(fd, 0x5412, b"x")
    return must_fail("tty", in_child, take)
