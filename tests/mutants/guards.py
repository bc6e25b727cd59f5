"""Guards that hold a promise, each with how to take it out and the test that must then fail. Upstream: none. Downstream: `make mutants`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Guard:
    """One line of defence: `code` in `file` (below src) becomes `without`, and `test` is red."""

    promise: str
    file: str
    code: str
    without: str
    test: str


GUARDS = [
    Guard(
        "a half-written line costs itself alone",
        "gladius/pulse/events.py",
        '        rest = b"\\n" + line if self._torn else line\n',
        "        rest = line\n",
        "pulse/test_event_streams.py::test_a_tail_torn_at_any_byte_costs_that_line_alone_and_heals",
    ),
    Guard(
        "sequence numbers go on",
        "gladius/pulse/events.py",
        "self._next_seq = max(self._next_seq, last_seq + 1)",
        "self._next_seq = 0",
        "pulse/test_event_streams.py::test_numbers_go_on_where_the_last_writer_ended",
    ),
    Guard(
        "a failed fsync makes nothing durable",
        "gladius/pulse/events.py",
        "            return number <= self._on_disk and not self._lost[0] < number <= self._lost[1]\n",
        "            return True\n",
        "faults/test_durable_points.py::test_an_event_whose_fsync_failed_is_never_called_durable",
    ),
    Guard(
        "what is called durable is synced",
        "gladius/pulse/files.py",
        "            os.fsync(descriptor)\n            if new:\n",
        "            if False:\n",
        "faults/test_disk_faults.py::test_a_file_is_the_old_one_or_the_new_one_whatever_fails[history]",
    ),
    Guard(
        "nothing is told twice",
        "gladius/store/stream.py",
        "        if seq >= self.last_seq:\n            return Batch([], seq, False)\n",
        "        seq = -1\n",
        "store/test_stream.py",
    ),
    Guard(
        "a command is posted once",
        "gladius/pulse/control.py",
        "        if os.path.exists(path):\n            return\n",
        "",
        "pulse/test_mailbox.py::test_the_same_id_is_posted_once",
    ),
    Guard(
        "done is said on `applied` alone",
        "gladius/store/commands.py",
        '        return "outcome_unknown" if over else "accepted"',
        '        return "applied"',
        "store/test_steering_facts.py::test_an_answer_is_unknown_only_when_nobody_is_left_to_give_it",
    ),
    Guard(
        "a process is more than its pid",
        "gladius/pulse/identity.py",
        "return self.start_time is None or self.start_time == start_time(self.pid)",
        "return True",
        "pulse/test_locks_and_identities.py::test_an_identity_is_a_process_and_not_a_pid",
    ),
    Guard(
        "the number of who has ended is given to nobody before its group was ended",
        "gladius/supervise/process.py",
        "            return exit_code(self.identity.pid, wait)\n",
        "            return self._popen.wait() if wait else self._popen.poll()\n",
        "supervise/test_trainer_process.py::test_who_has_ended_keeps_its_number_until_it_is_let_go",
    ),
    Guard(
        "a clock that jumps raises no alarm",
        "gladius/pulse/poller.py",
        "        if self._silence < STALE_AFTER_S or",
        "        if",
        "pulse/test_poller.py::test_a_wall_clock_that_jumps_ahead_raises_no_alarm",
    ),
    Guard(
        "a kill for memory is named where the kernel counted one",
        "gladius/supervise/verdict.py",
        "        if memory_kills:\n",
        "        if True:\n",
        "supervise/test_verdict.py::test_out_of_memory_needs_the_kernels_own_count",
    ),
    Guard(
        "who slept saw no silence",
        "gladius/pulse/poller.py",
        "min(max(0.0, now - self._looked_at), MOST_PER_LOOK_S)",
        "now - self._looked_at",
        "pulse/test_poller.py::test_whoever_did_not_look_saw_no_silence",
    ),
    Guard(
        "a checkpoint is what its manifest says",
        "gladius/pulse/checkpoints.py",
        '        elif _sha256(path) != entry["sha256"]:\n            problems.append("{} was changed".format(name))\n',
        "",
        "pulse/test_checkpoints.py::test_every_kind_of_damage_is_named",
    ),
    Guard(
        "nobody's edit is overwritten",
        "gladius/catalog/profile_shelf.py",
        "if version is not None and (found is None or found.version != version):",
        "if False:",
        "catalog/test_profile_files.py::test_a_profile_is_kept_as_it_was_written_and_edited_by_its_version",
    ),
    Guard(
        "no link leads out of the datasets' folders",
        "gladius/catalog/dataset_roots.py",
        "        if not any(real.is_relative_to(os.path.realpath(root)) for root in self.folders):\n",
        "        if False:\n",
        "catalog/test_dataset_roots.py::test_no_way_leads_out_of_the_folders",
    ),
    Guard(
        "a spreadsheet runs no cell of ours",
        "gladius/desk/audit.py",
        """return f"'{cell}" if isinstance(cell, str)""",
        """return f"{cell}" if isinstance(cell, str)""",
        "desk/test_desk.py::test_the_exported_audit_is_safe_to_open",
    ),
    Guard(
        "a name that is not ours is refused",
        "gladius/server/guard.py",
        "        if not self._credentials.host_allowed(host):\n",
        "        if False:\n",
        "server/test_hosts_and_origins.py::test_other_names_are_refused_even_with_the_token",
    ),
    Guard(
        "a foreign page may not act",
        "gladius/server/credentials.py",
        "        parts = urlsplit(origin)\n",
        "        return True\n",
        "server/test_hosts_and_origins.py::test_a_foreign_page_may_not_act",
    ),
    Guard(
        "a wrong token is none",
        "gladius/users/keys.py",
        """return hmac.compare_digest(secret.encode("utf-8", "surrogateescape"), self.token.encode())""",
        "return bool(secret)",
        "server/test_every_route_is_guarded.py::test_a_wrong_token_is_none",
    ),
    Guard(
        "what is taken away cuts the sockets that it held open",
        "gladius/server/socket.py",
        "    while _still_open(websocket):\n",
        "    while True:\n",
        "server/test_users_and_roles.py::test_what_is_taken_away_is_cut_within_a_second_of_the_answer",
    ),
    Guard(
        "the last admin stays one",
        "gladius/users/book.py",
        "    if admins == [name] and not _is_admin(after or {}):\n",
        "    if False:\n",
        "server/test_managing_users.py::test_the_last_admin_stays_one",
    ),
    Guard(
        "a name is no command to a terminal",
        "gladius/cli/output.py",
        "    return Text(DASH if cell is None else visible(str(cell)))\n",
        "    return Text(DASH if cell is None else str(cell))\n",
        "cli/test_hostile_names.py::test_names_with_commands_are_printed_as_letters",
    ),
]
