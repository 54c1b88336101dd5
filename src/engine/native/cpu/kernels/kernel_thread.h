/*
 * One thread for all programs. OpenMP keeps a team of threads for every thread that ever called it, and Node calls from a pool of
 * threads in turn: the teams would displace each other's caches and wake up again for every program.
 */
#pragma once

/* Does work(argument) on the kernel thread and waits for it; one at a time. Without threads to be had it is done right here. */
void on_kernel_thread(void (*work)(void *), void *argument);
