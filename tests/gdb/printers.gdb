# SPDX-License-Identifier: BSL-1.0
set pagination off
set print address off
break look
run
up
print numbers
print even
print end
print alone
print lost
print empty
print none
print several
print taken
print waiting
print settled
print failed
print plain
print queue
print queue.in
kill
