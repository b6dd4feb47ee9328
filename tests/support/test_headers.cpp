// SPDX-License-Identifier: Apache-2.0
// Belongs to the headers that most tests share: a library must have a source.
