/* The thread that runs all programs: it waits for work, does it, says so, for as long as the process lives. */
#define _GNU_SOURCE
#include "kernel_thread.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

/* Some systems give threads less stack than the main one has. */
#define STACK_BYTES (8 << 20)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool started;
/* IDLE, or a caller has put its work there, which is then DONE; the caller takes it away. */
static enum { IDLE, WAITING, DONE } state;
static void (*work_now)(void *);
static void *argument_now;

static void *serve(void *unused) {
  (void)unused;
  pthread_mutex_lock(&mutex);
  for (;;) {
    while (state != WAITING) pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
    work_now(argument_now);
    pthread_mutex_lock(&mutex);
    state = DONE;
    pthread_cond_broadcast(&changed);
  }
  return NULL;
}

static void start(void) {
  /* The thread and OpenMP's team stand in this library's code: whoever loaded it may close it, but it has to stay. */
  Dl_info self;
  started = dladdr((void *)start, &self) && dlopen(self.dli_fname, RTLD_NOW | RTLD_NODELETE);
  if (!started) return;
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  started = pthread_create(&thread, &attributes, serve, NULL) == 0;
  pthread_attr_destroy(&attributes);
}

void on_kernel_thread(void (*work)(void *), void *argument) {
  pthread_once(&once, start);
  if (!started) {
    work(argument);
    return;
  }
  pthread_mutex_lock(&mutex);
  while (state != IDLE) pthread_cond_wait(&changed, &mutex);
  work_now = work;
  argument_now = argument;
  state = WAITING;
  pthread_cond_broadcast(&changed);
  while (state != DONE) pthread_cond_wait(&changed, &mutex);
  state = IDLE;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}
