"""WebDAV servers for tests: nginx with dav_ext and several workers, Apache's mod_dav_fs, rclone serve webdav.

Each serves the folder `root` to USER with PASSWORD. Where a program is missing the test is skipped.
"""
import os
import pwd
import shutil
import subprocess
import unittest

from web_testing import Server

USER, PASSWORD = "backup", "p@ss/w%rd: 1'\\é"
NGINX_MODULES = "/usr/lib/nginx/modules"
APACHE_MODULES = "/usr/lib/apache2/modules"


def need(program, *files):
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    missing = [file for file in (found or "", *files) if not os.path.exists(file)]
    if missing:
        raise unittest.SkipTest(f"{program} is not installed, or has no {' '.join(missing)}")
    return found


def password_line():
    """As nginx and Apache read it."""
    done = subprocess.run(["openssl", "passwd", "-apr1", "-stdin"], input=PASSWORD.encode(), capture_output=True, check=True)
    return f"{USER}:{done.stdout.decode().strip()}\n"


class WebdavServer(Server):
    """`options` are lines for the place that serves."""

    def __init__(self, name, options=""):
        self.options = options
        super().__init__(name)

    @property
    def root(self):
        return self.path("root")

    def prepare(self):
        for name in ("root", "temporary"):
            os.makedirs(self.path(name), exist_ok=True)
        self.write("users", password_line())

    def address(self, path=""):
        return f"webdav:http://127.0.0.1:{self.port}" + (f"/{path}" if path else "")


class Nginx(WebdavServer):

    def __init__(self, options=""):
        self._module = os.path.join(NGINX_MODULES, "ngx_http_dav_ext_module.so")
        self._program = need("nginx", self._module)
        super().__init__("nginx", options)

    def prepare(self):
        super().prepare()
        places = "".join(f"{kind}_temp_path {self.path('temporary', kind)};\n"
                         for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        self.write("conf", f"""
load_module {self._module};
{"user root;" if os.geteuid() == 0 else ""}
worker_processes 4;
pid {self.path("pid")};
error_log {self.path("log")};
daemon off;
events {{}}
http {{
  access_log off;
  {places}
  server {{
    listen 127.0.0.1:{self.port} reuseport;
    root {self.root};
    client_max_body_size 0;
    auth_basic cairn;
    auth_basic_user_file {self.path("users")};
    location / {{
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_ext_methods PROPFIND OPTIONS;
      create_full_put_path off;
      {self.options}
    }}
  }}
}}
""")

    def command(self):
        return [self._program, "-e", self.path("log"), "-c", self.path("conf")]


class Apache(WebdavServer):

    def __init__(self, options=""):
        modules = ("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "dav", "dav_fs")
        files = [os.path.join(APACHE_MODULES, f"mod_{name}.so") for name in modules]
        self._program = need("apache2", *files)
        self._load = "".join(f"LoadModule {name}_module {file}\n" for name, file in zip(modules, files))
        super().__init__("apache", options)

    def prepare(self):
        super().prepare()
        if os.geteuid() == 0:  # it does not serve as root
            who = pwd.getpwnam("www-data")
            for name in ("root", "temporary"):
                os.chown(self.path(name), who.pw_uid, who.pw_gid)
        self.write("conf", f"""
ServerRoot {self.folder}
ServerName localhost
Listen 127.0.0.1:{self.port}
PidFile {self.path("pid")}
ErrorLog {self.path("log")}
Mutex file:{self.path("temporary")}
DefaultRuntimeDir {self.path("temporary")}
{self._load}
{"User www-data" if os.geteuid() == 0 else ""}
{"Group www-data" if os.geteuid() == 0 else ""}
DocumentRoot {self.root}
DAVLockDB {self.path("temporary", "locks")}
<Directory {self.root}>
  Dav On
  AuthType Basic
  AuthName cairn
  AuthUserFile {self.path("users")}
  Require valid-user
  {self.options}
</Directory>
""")

    def command(self):
        return [self._program, "-f", self.path("conf"), "-DFOREGROUND"]


class Rclone(WebdavServer):

    def __init__(self, options=()):
        self._program = need("rclone")
        super().__init__("rclone", options)

    def command(self):
        return [self._program, "serve", "webdav", self.root, "--addr", f"127.0.0.1:{self.port}", "--user", USER,
                "--pass", PASSWORD, "--config", os.devnull, *self.options]
