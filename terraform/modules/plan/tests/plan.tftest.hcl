variables {
  budget = {
    single = {
      machine_mib  = 8192
      reserved_mib = 1536
      namespaces = {
        geocrop = { requests_mib = 3328, limits_mib = 5888, requests_cpu = 2, pods = 40, storage_gib = 80 }
        gitops  = { requests_mib = 768, limits_mib = 2304, requests_cpu = 1, pods = 15, storage_gib = 40 }
      }
    }
    # More is asked for than there is.
    greedy = {
      machine_mib  = 8192
      reserved_mib = 1536
      namespaces = {
        geocrop = { requests_mib = 6657, limits_mib = 6657, requests_cpu = 2, pods = 40, storage_gib = 80 }
      }
    }
    # Each asks for little and may take too much.
    loose = {
      machine_mib  = 8192
      reserved_mib = 1536
      namespaces = {
        geocrop = { requests_mib = 1024, limits_mib = 8193, requests_cpu = 2, pods = 40, storage_gib = 80 }
      }
    }
    upside_down = {
      machine_mib  = 8192
      reserved_mib = 1536
      namespaces = {
        geocrop = { requests_mib = 1024, limits_mib = 512, requests_cpu = 2, pods = 40, storage_gib = 80 }
      }
    }
    largest_container_mib = { geocrop = 2048, gitops = 1024 }
  }
  size     = "single"
  accounts = { geocrop = ["api", "worker"] }
  secrets = {
    geocrop = {
      postgis  = { PASSWORD = "password" }
      database = { URL = "postgres://geocrop:{postgis/PASSWORD}@postgis:5433/geocrop" }
      key      = { ID = "garage-key" }
      sso      = { ISSUER = "by-hand" }
    }
    gitops = { reader = { USER = "=geocrop", PASSWORD = "{geocrop/postgis/PASSWORD}" } }
  }
}

run "numbers_become_quotas" {
  command = plan

  assert {
    condition     = output.quotas.geocrop["limits.memory"] == "5888Mi" && output.quotas.gitops["requests.memory"] == "768Mi"
    error_message = "The quota says another number than the budget."
  }

  assert {
    condition     = output.limits.geocrop.max.memory == "2048Mi"
    error_message = "The largest container is another than the budget's."
  }

  assert {
    condition     = output.accounts["geocrop/worker"].namespace == "geocrop"
    error_message = "An account is missing."
  }
}

run "secrets_are_sorted_by_how_they_are_made" {
  command = plan

  assert {
    condition     = output.composed["geocrop/database/URL"].source == "geocrop/postgis/PASSWORD"
    error_message = "The password that the address holds is not found."
  }

  assert {
    condition     = output.composed["geocrop/database/URL"].before == "postgres://geocrop:" && output.composed["geocrop/database/URL"].after == "@postgis:5433/geocrop"
    error_message = "The address is not what is around the password."
  }

  assert {
    condition     = toset(keys(output.made)) == toset(["geocrop/postgis", "geocrop/database", "geocrop/key", "gitops/reader"]) && toset(keys(output.by_hand)) == toset(["geocrop/sso"])
    error_message = "A secret is made by the wrong one."
  }

  assert {
    condition     = output.generated.garage_key == toset(["geocrop/key/ID"]) && output.generated.password == toset(["geocrop/postgis/PASSWORD"])
    error_message = "A key is made in the wrong way."
  }
}

run "a_value_may_be_another_namespaces_or_no_secret_at_all" {
  command = plan

  assert {
    condition     = output.composed["gitops/reader/PASSWORD"].source == "geocrop/postgis/PASSWORD" && output.composed["gitops/reader/PASSWORD"].before == ""
    error_message = "The other namespace's password is not found."
  }

  assert {
    condition     = output.literal["gitops/reader/USER"] == "geocrop" && length(output.literal) == 1
    error_message = "The name is not what was written."
  }
}

run "more_than_the_machine_has_is_refused" {
  command = plan

  variables {
    size = "greedy"
  }

  expect_failures = [output.quotas]
}

run "limits_beyond_the_machine_are_refused" {
  command = plan

  variables {
    size = "loose"
  }

  expect_failures = [output.quotas]
}

run "asking_for_more_than_may_be_taken_is_refused" {
  command = plan

  variables {
    size = "upside_down"
  }

  expect_failures = [output.quotas]
}

run "a_text_with_a_key_that_there_is_not_is_refused" {
  command = plan

  variables {
    secrets = { geocrop = { database = { URL = "postgres://geocrop:{postgis/PASSWORD}@postgis" } } }
  }

  expect_failures = [output.composed]
}

run "an_unknown_way_to_make_a_value_is_refused" {
  command = plan

  variables {
    secrets = { geocrop = { database = { URL = "passwort" } } }
  }

  expect_failures = [output.generated]
}
