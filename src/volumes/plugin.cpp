// SPDX-License-Identifier: Apache-2.0
#include "nvhook/volumes/plugin.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <expected>
#include <optional>
#include <system_error>

#include "nvhook/base/quote.hpp"
#include "volumes/answers.hpp"
#include "volumes/body.hpp"

// The order of calls and the texts are those of nvidia-docker-plugin 1.0.1.
namespace nvhook::volumes {
namespace {

constexpr std::string_view kPrefix = "/VolumeDriver.";

// Those that name a volume, and how they are told of in the log.
struct Call {
  std::string_view name;
  std::string_view logged_as;  // empty: they are not
};
constexpr std::array kCalls = {Call{"Create", "create"},   Call{"Remove", "remove"},
                               Call{"Mount", "mount"},     Call{"Path", "mount"},
                               Call{"Unmount", "unmount"}, Call{"Get", ""}};

// A name as answers repeat it. None that we know is longer than 45 bytes.
std::string repeated(std::string_view name) {
  constexpr std::size_t kMost = 256;
  return name.size() <= kMost ? std::string(name) : std::string(name.substr(0, kMost)) + "...";
}

// A name as the log repeats it: nothing in it that is not printable, nor too much.
std::string shown(std::string_view name) {
  const auto quoted = quote(name);
  return quoted.substr(1, quoted.size() - 2);
}

// The version that a name means; else what Docker is told.
std::expected<Version, std::string> version_in(const std::string& name) {
  auto parsed = parse_name(name);
  if (!parsed) return std::unexpected("bad volume format: " + repeated(name));
  if (parsed->kind != kKind) return std::unexpected("unsupported volume: " + repeated(name));
  return std::move(parsed->version);
}

std::string no_such(const Version& version) { return "no such volume: " + name_of(version); }

std::string story(const Version& version, const Created& created,
                  std::chrono::steady_clock::duration time) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  return std::string(created.outcome == Outcome::Made ? "Made" : "Renewed") + " volume '" +
         name_of(version) + "': " + std::to_string(created.linked) + " files linked, " +
         std::to_string(created.cloned) + " cloned, " + std::to_string(created.copied) +
         " copied, in " + std::to_string(ms) + " ms";
}

}  // namespace

http::Response Plugin::answer(const http::Request& request) {
  if (request.method != http::Method::Post) return http::not_found();
  if (request.path == "/Plugin.Activate") {
    say_("Received activate request");
    say_("Plugins activated [VolumeDriver]");
    return activated();
  }
  if (!request.path.starts_with(kPrefix)) return http::not_found();
  const auto call = request.path.substr(kPrefix.size());
  if (call == "Capabilities") return capabilities();
  if (call == "List") return list();
  const auto known = std::ranges::find(kCalls, call, &Call::name);
  if (known == kCalls.end()) return http::not_found();

  const auto body = parse_body(request.body);
  if (!body) {
    say_("Error: " + body.error().text());
    if (body.error().id() != ErrorId::StateLimit) return http::internal_error();
    return http::text_response(400, body.error().message() + "\n");
  }
  if (!known->logged_as.empty())
    say_("Received " + std::string(known->logged_as) + " request for volume '" + shown(body->name) +
         "'");
  return answer(call, *body);
}

http::Response Plugin::answer(std::string_view call, const Body& body) {
  const auto version = version_in(body.name);
  if (!version) {
    if (call == "Get") return no_volume(version.error());
    if (call == "Mount" || call == "Path") return no_mountpoint(version.error());
    return refusal(version.error());
  }
  if (call == "Create") return create(*version);
  if (call == "Remove") return remove(*version);
  if (call == "Mount") return mount(*version, body.id);
  if (call == "Path") return path(*version);
  if (call == "Unmount") return unmount(*version, body.id);
  return get(*version);
}

std::string Plugin::failed(const Error& error) {
  auto text = error.text();
  say_("Error: " + text);
  return text;
}

Result<void> Plugin::bring_up_to(const Contents& contents, const Version& version) {
  const auto begin = std::chrono::steady_clock::now();
  const auto created = store_.create(contents);
  if (!created) return std::unexpected(created.error());
  if (created->outcome != Outcome::Kept)
    say_(story(version, *created, std::chrono::steady_clock::now() - begin));
  return {};
}

http::Response Plugin::create(const Version& version) {
  const auto contents = look_();
  if (!contents) return refusal(failed(contents.error()));
  if (contents->version != version.text())
    return refusal("invalid volume version: " + name_of(version));
  for (const auto& warning : contents->warnings)
    say_("Warning: " + std::string(nvhook::name_of(warning.id)) + ": " + warning.text);
  const auto there = bring_up_to(*contents, version);
  return there ? done() : refusal(failed(there.error()));
}

http::Response Plugin::remove(const Version& version) {
  const auto removed = store_.remove(version);
  if (removed) {
    if (!removed->empty())
      say_("Warning: volume '" + name_of(version) +
           "' could not be unlinked wholly; the rest is in .nvhook/" + *removed);
    return done();
  }
  const auto text = failed(removed.error());
  const auto& code = removed.error().code();
  if (code == std::errc::device_or_resource_busy)
    return refusal("volume is in use: " + name_of(version));
  if (code == std::errc::operation_not_permitted)
    return refusal("volume was not made by this program: " + name_of(version));
  return refusal(text);
}

http::Response Plugin::mount(const Version& version, std::string_view id) {
  const auto there = store_.has(version);
  if (!there) return no_mountpoint(failed(there.error()));
  if (!*there) return no_mountpoint(no_such(version));
  // dockerd asks for Create only if Get finds nothing. So it is here that a driver installed anew
  // is noticed, or a volume that somebody has left in part. A container starts all the same.
  const auto contents = look_();
  if (contents && contents->version == version.text())
    if (const auto renewed = bring_up_to(*contents, version); !renewed)
      say_("Warning: the volume is not compared with the driver: " + renewed.error().text());
  if (const auto noted = store_.mount(version, id); !noted) {
    if (!store_.has(version).value_or(true)) return no_mountpoint(no_such(version));
    // Docker knows itself what is in use.
    say_("Warning: the mount is not noted: " + noted.error().text());
  }
  return mountpoint(store_.mountpoint_of(version));
}

http::Response Plugin::path(const Version& version) {
  const auto there = store_.has(version);
  if (!there) return no_mountpoint(failed(there.error()));
  return *there ? mountpoint(store_.mountpoint_of(version)) : no_mountpoint(no_such(version));
}

http::Response Plugin::unmount(const Version& version, std::string_view id) {
  if (const auto noted = store_.unmount(version, id); !noted)
    say_("Warning: the end of the mount is not noted: " + noted.error().text());
  return done();
}

http::Response Plugin::get(const Version& version) {
  const auto there = store_.has(version);
  if (!there) return no_volume(failed(there.error()));
  if (!*there) return no_volume(no_such(version));
  return volume({.name = name_of(version), .mountpoint = store_.mountpoint_of(version)});
}

http::Response Plugin::list() {
  const auto versions = store_.versions();
  if (!versions) return no_volumes(failed(versions.error()));
  std::vector<Volume> all;
  for (const auto& version : *versions)
    all.push_back({.name = name_of(version), .mountpoint = store_.mountpoint_of(version)});
  return volumes(all);
}

}  // namespace nvhook::volumes
