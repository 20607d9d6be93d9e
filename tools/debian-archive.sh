# Sourced by scripts that unpack programs of Debian's archive below a folder, and install nothing.
#
#   archive_mirror              the mirror that this system uses itself
#   archive_open WORK PACKAGE   package lists, in WORK, of the first suite that has the package
#   archive_version PACKAGE     its version there
#   archive_unpack ROOT NAME... packages, and libraries that they need, below ROOT; apt verifies what it downloads
#   archive_wrap ROOT DIR       each program of ROOT/DIR becomes a script that runs it with the ROOT's own libraries
#   archive_fill PREFIX VERSION PACKAGE PROGRAM
#                               PACKAGE-VERSION of PostgreSQL (no VERSION: the newest) in PREFIX, whole or not at all
#
# Needs apt and dpkg of any Debian, not root. The lists and packages of this system stay as they are.

archive_say() { echo "${0##*/}: $*" >&2; }

archive_mirror() {
  local found
  found=$(
    grep -hoPs '^URIs:\s*\K\S+' /etc/apt/sources.list.d/*.sources || true
    grep -hoPs '^deb\s+(\[[^]]*\]\s+)?\K\S+' /etc/apt/sources.list /etc/apt/sources.list.d/*.list || true
  )
  # Other archives may be named beside Debian's.
  found=$(grep -m 1 -E '/debian/?$' <<<"$found" || head -n 1 <<<"$found")
  [ -n "$found" ] || { archive_say "no mirror in /etc/apt: add one there"; return 1; }
  echo "$found"
}

archive_open() {
  local mirror suite keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  archive_work=$1
  mirror=$(archive_mirror) || return
  mkdir -p "$archive_work"/{lists,archives}/partial "$archive_work/none"
  : >"$archive_work/status"
  archive_options=(
    -o "Dir::Etc::sourcelist=$archive_work/sources.list" -o "Dir::Etc::sourceparts=$archive_work/none"
    -o Dir::Etc::Preferences=/dev/null -o "Dir::Etc::PreferencesParts=$archive_work/none"
    -o "Dir::State=$archive_work" -o "Dir::State::lists=$archive_work/lists"
    -o "Dir::State::status=$archive_work/status"
    -o "Dir::Cache=$archive_work" -o "Dir::Cache::archives=$archive_work/archives"
    -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Acquire::Retries=3 -o Acquire::Languages=none
  )
  for suite in ${archive_suites:-sid testing stable oldstable}; do
    echo "deb [signed-by=$keyring] $mirror $suite main" >"$archive_work/sources.list"
    archive_suite=$suite
    if ! apt-get "${archive_options[@]}" --error-on=any -qq update >"$archive_work/log" 2>&1; then
      archive_say "the mirror has no $suite that can be read: $(grep -m 1 '^[EW]:' "$archive_work/log" || true)"
    elif [ -n "$(archive_version "$2")" ]; then
      return 0
    fi
  done
  archive_say "$2 is in no suite of the mirror"
  return 1
}

archive_version() {
  apt-cache "${archive_options[@]}" policy "$1" | sed -n 's/^ *Candidate: //p' | grep -vxF '(none)' || true
}

archive_unpack() {
  local root=$1 names
  shift
  # What they depend on is more than what they link: perl, debconf, a JIT compiler.
  names=$(apt-get "${archive_options[@]}" -qq --simulate --no-install-recommends install "$@" |
    sed -n 's/^Inst \([^ ]*\).*/\1/p' |
    grep -E '^(lib|zlib1g$)' |
    grep -vE '^lib(perl|llvm|z3|pam-modules|pam-runtime|systemd-shared|debconf|semanage)|-perl$' || true)
  mkdir -p "$root"
  # shellcheck disable=SC2086
  (cd "$archive_work/archives" && apt-get "${archive_options[@]}" -qq download "$@" $names >"$archive_work/log" 2>&1) ||
    { cat "$archive_work/log" >&2; return 1; }
  local package
  for package in "$archive_work"/archives/*.deb; do
    dpkg-deb --extract "$package" "$root"
  done
  rm -f "$archive_work"/archives/*.deb
  find "$root" -type f -perm /6000 -exec chmod ug-s {} +
  # Its compiler was left out; without this file the server does not look for one.
  find "$root" -name llvmjit.so -delete
}

# A program finds others, and what is shared, by its own path: it is told the path of the script.
archive_wrap() {
  local root=$1 folder=$2 program name foreign loader libraries
  loader=$(cd "$root" && find . -path '*/ld-linux*.so.*' \( -type f -o -type l \) | sort | head -n 1)
  libraries=$(cd "$root" && find . -name 'libc.so.6' -printf '%h\n' | head -n 1)
  mkdir -p "$root/$folder.programs"
  for program in "$root/$folder"/*; do
    name=${program##*/}
    [ -f "$program" ] && [ ! -L "$program" ] && [ "$(head -c 4 "$program" | tail -c 3)" = ELF ] || continue
    mv "$program" "$root/$folder.programs/$name"
    foreign=$("$root/$loader" --library-path "$root/$libraries" --list "$root/$folder.programs/$name" |
      grep '=>' | grep -vF "=> $root/" || true)
    [ -z "$foreign" ] || { archive_say "$name needs what was not unpacked: $foreign"; return 1; }
    cat >"$program" <<END
#!/bin/sh
here=\$(dirname -- "\$(readlink -f -- "\$0")")
root=\${here%/$folder}
exec "\$root/${loader#./}" --argv0 "\$here/$name" --library-path "\$root/${libraries#./}" "\$here.programs/$name" "\$@"
END
    chmod 755 "$program"
  done
}

# PREFIX/root has the files, PREFIX/bin names the programs, PREFIX/version is the last to be written.
archive_fill() {
  local prefix=$1 version=$2 package=$3 program=$4 work new found there=
  [ ! -f "$prefix/version" ] || there=$(<"$prefix/version")
  if [ -z "$there" ] && [ -n "$(ls -A "$prefix" 2>/dev/null)" ]; then
    archive_say "$prefix has something else in it: name a folder that is empty, or is not there"
    return 1
  fi
  mkdir -p "$(dirname "$prefix")"
  # shellcheck disable=SC2064
  new=$prefix.new work=$(mktemp -d) && trap "rm -rf '$work' '$prefix.new'" EXIT
  if ! archive_open "$work" "$package${version:+-$version}"; then
    [ -n "$there" ] || return 1
    archive_say "keeping PostgreSQL $there in $prefix"
    return
  fi
  if [ -z "$version" ]; then
    version=$(archive_version "$package") version=${version%%+*}
  fi
  found="$(archive_version "$package-$version") of $archive_suite"
  if [ "$there" = "$found" ]; then
    archive_say "$prefix has PostgreSQL $there, which is the newest"
    return
  fi
  archive_say "unpacking PostgreSQL $found into $prefix"
  rm -rf "$new"
  archive_unpack "$new/root" "$package-$version" "postgresql-client-$version" libpq5
  archive_wrap "$new/root" "usr/lib/postgresql/$version/bin"
  ln -s "root/usr/lib/postgresql/$version/bin" "$new/bin"
  chmod -R a+rX "$new"
  archive_say "$("$new/$program" --version)"
  echo "$found" >"$new/version"
  rm -rf "$prefix.old"
  [ ! -e "$prefix" ] || mv -T "$prefix" "$prefix.old"
  mv -T "$new" "$prefix"
  rm -rf "$prefix.old"
}
