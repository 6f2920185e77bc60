// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "penstock/connect/tls/tls.hpp"
